"""A page as of a past day says what its predictions had seen by then."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from dashboard.shared.past_predictions import sentence
from models.rhythm.carried import METADATA_KEY, carrying
from models.segment_model import SegmentModel
from models.units import to_micros
from tests.support.generated_tables import a_model
from tests.support.rhythm import a_rhythm

DAY = datetime(2011, 6, 1, tzinfo=UTC)


def fitted(at: datetime | None) -> SegmentModel:
    """A model with predictions that were fitted at a moment; None if nobody noted it."""
    rhythm = a_rhythm()
    notes = rhythm.metadata | ({} if at is None else {"fitted_at": to_micros(at)})
    return carrying(a_model(), msgspec.structs.replace(rhythm, metadata=notes))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (DAY - timedelta(days=1), "up to 31 May 2011, and have seen none after this day"),
        (DAY, "up to 1 Jun 2011, and have seen none after this day"),
        (DAY + timedelta(days=90), "up to 30 Aug 2011, after this day: they have seen what these customers did next"),
        (None, "does not say when they were fitted, so they may have seen what came after this day"),
    ],
)
def test_predictions_are_said_to_have_seen_what_came_after_the_day(at: datetime | None, said: str) -> None:
    model = fitted(at)
    assert said in sentence(model, DAY)
    assert model.version in sentence(model, DAY)


def test_a_model_without_predictions_is_said_to_have_none() -> None:
    model = a_model()
    assert "was fitted without predictions" in sentence(model, DAY)
    broken = msgspec.structs.replace(model, metadata={METADATA_KEY: {"version": "?"}})
    assert "has predictions that this version cannot use" in sentence(broken, DAY)
