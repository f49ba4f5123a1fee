"""A refit carries predictions: fitted anew on the ledger, or the champion's if that is impossible."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from batch.dataset_frames import orders_of
from batch.fit_predictions import fit_predictions, fit_with_predictions
from data.postgres import model_registry
from data.postgres.database import engine
from models.rhythm.carried import KEPT_KEY, rhythm_of
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.segment_model import SegmentModel
from services.drift.refit import refit
from tests.support.dataset_tables import fill
from tests.support.postgres import new_database
from tests.support.retail import medium


def moment(days: int) -> datetime:
    """Some days after the first order."""
    return medium().report.first + timedelta(days=days)


@pytest.fixture(scope="module")
def champion() -> SegmentModel:
    return fit_with_predictions(medium(), moment(365), 3)


@pytest.fixture(scope="module")
def stream(champion: SegmentModel, postgres_server: str, migrated: str) -> Iterator[Engine]:
    """A stream that has applied a whole dataset."""
    with new_database(postgres_server, migrated) as url:
        postgres = engine(url)
        model_registry.register(postgres, champion)
        fill(postgres, medium().transactions, champion, medium().report.last)
        yield postgres
        postgres.dispose()


def test_predictions_are_those_of_a_fit_on_the_same_orders_in_a_file(stream: Engine, champion: SegmentModel) -> None:
    as_of = moment(500)
    model = refit(stream, champion, as_of, ["an alarm"])
    of_file = fit_predictions(orders_of(medium(), as_of, MOST_CUSTOMERS), as_of).model
    assert of_file is not None
    assert rhythm_of(model) == of_file != rhythm_of(champion)
    assert KEPT_KEY not in model.metadata


def test_with_too_few_days_of_orders_the_champions_predictions_are_kept(stream: Engine, champion: SegmentModel) -> None:
    model = refit(stream, champion, moment(120), ["an alarm"])
    assert rhythm_of(model) == rhythm_of(champion) is not None
    assert model.metadata[KEPT_KEY] == champion.version


def test_without_any_predictions_there_are_none(stream: Engine, champion: SegmentModel) -> None:
    model = refit(stream, replace(champion, metadata={}), moment(120), ["an alarm"])
    assert rhythm_of(model) is None


def test_a_registered_model_gives_its_predictions_back(stream: Engine, champion: SegmentModel) -> None:
    assert rhythm_of(model_registry.load(stream, champion.version)) == rhythm_of(champion) is not None
