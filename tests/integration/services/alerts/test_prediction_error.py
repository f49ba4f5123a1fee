"""The error of predictions is none while nothing can be compared, and unknown only if nobody observes drift."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Engine, insert, update

from data.postgres import model_registry
from data.postgres.tables import drift_observations, stream_progress
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import RhythmModel
from models.segment_model import SegmentModel
from models.units import to_micros
from runtime.errors import NotFoundError
from services.alerts.measures import Measured, Sources, measured
from services.alerts.rules import Rule
from services.claimed_partitions import ClaimedPartitions
from tests.support.builders import recency_model
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store
from tests.support.rhythm import a_rhythm

DAY = timedelta(days=1)
TODAY = datetime(2011, 6, 15, tzinfo=UTC)
RULE = Rule("Predictions", "prediction_error", 10, ("team",))


def fitted(at: datetime | None) -> RhythmModel:
    """A rhythm model that says when it was fitted, or does not."""
    notes = {} if at is None else {"fitted_at": to_micros(at)}
    return msgspec.structs.replace(a_rhythm(), metadata=notes)


def stored(postgres: Engine, champion: SegmentModel, since: datetime | None = None) -> None:
    """A stream whose champion has been active since a moment, or from the beginning on."""
    store(postgres, champion, a_stream(champion))
    with postgres.begin() as connection:
        connection.execute(update(stream_progress).values(model_since=since))


def observed(postgres: Engine, *rows: dict[str, object], end: datetime = TODAY) -> None:
    """Store a day that drift has observed, with a measure of its segments and with others."""
    share: dict[str, object] = {"measure": "share", "name": "champions", "value": 0.1}
    usual = {"model_version": a_model().version, "window_end": end, "customers": 100, "alarm": False}
    with postgres.begin() as connection:
        for row in (share, *rows):
            connection.execute(insert(drift_observations).values(usual | row))


def error(postgres: Engine) -> Measured:
    return measured(RULE, Sources(postgres, lambda: ClaimedPartitions([], None)))


def test_it_is_the_difference_once_that_is_more_than_the_allowance(postgres: Engine) -> None:
    stored(postgres, carrying(a_model(), fitted(TODAY - 200 * DAY)))
    row = {"measure": "predictions", "reference": 0.4, "threshold": 0.34}
    observed(postgres, row | {"name": "within_30_days", "value": 0.35}, row | {"name": "within_90_days", "value": 0.3})
    found = error(postgres)
    assert (found.value, found.event_time) == (25.0, TODAY)
    assert found.about.startswith("the difference between the customers who were predicted to order and those who did")


def test_a_model_has_no_error_for_thirty_days_after_its_activation(postgres: Engine) -> None:
    stored(postgres, carrying(a_model(), fitted(TODAY - 100 * DAY)), since=TODAY - 12 * DAY + timedelta(hours=9))
    observed(postgres)
    assert error(postgres) == Measured(0.0, "nothing to compare before 2011-07-04", TODAY)


def test_a_model_that_has_just_become_active_has_no_error_before_drift_has_observed_a_day(postgres: Engine) -> None:
    stored(postgres, carrying(a_model(), fitted(TODAY - 100 * DAY)), since=EVENT_TIME - timedelta(hours=3))
    assert error(postgres) == Measured(0.0, "nothing to compare before 2011-07-16", EVENT_TIME)


@pytest.mark.parametrize("days", [3, 200])
def test_it_is_unknown_if_nobody_observes_drift(postgres: Engine, days: int) -> None:
    stored(postgres, carrying(a_model(), fitted(TODAY - 300 * DAY)), since=TODAY - days * DAY)
    with pytest.raises(NotFoundError, match="`segue drift watch` does so"):
        error(postgres)


def test_it_is_unknown_of_a_model_without_predictions(postgres: Engine) -> None:
    stored(postgres, a_model())
    observed(postgres)
    with pytest.raises(NotFoundError, match="needs a model with predictions"):
        error(postgres)


def test_it_is_unknown_of_a_model_that_does_not_say_which_orders_it_has_seen(postgres: Engine) -> None:
    stored(postgres, carrying(a_model(), fitted(None)))
    observed(postgres)
    with pytest.raises(NotFoundError, match="not known which orders"):
        error(postgres)


def test_a_champion_that_is_not_active_yet_has_no_error(postgres: Engine) -> None:
    champion = carrying(a_model(), fitted(TODAY - 100 * DAY))
    stored(postgres, champion)
    before = recency_model()
    model_registry.register(postgres, before)
    lagging = stream_progress.c.partition == 1
    with postgres.begin() as connection:
        connection.execute(update(stream_progress).where(lagging).values(model_version=before.version))
    found = error(postgres)
    assert found.value == 0
    assert found.about == f"nothing to compare before the model {champion.version} is active on all partitions"


def test_a_stream_in_which_nobody_had_ordered_has_no_error(postgres: Engine) -> None:
    stored(postgres, carrying(a_model(), fitted(TODAY - 300 * DAY)))
    observed(postgres)
    assert error(postgres) == Measured(0.0, "nothing to compare: no customer had ordered 30 days before", TODAY)
