"""If customers order half as often, the observer says that predictions count wrong, and the page has its numbers."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine

from batch.fit_rhythm import fit_rhythm
from batch.order_book import order_book
from dashboard.at_risk.checked import CheckCache
from dashboard.shared.reading import progress, reading
from data.datasets.steady import Injection, moment, steady_shop
from data.postgres import drift, model_registry
from data.postgres.aliases import PROPOSED
from data.postgres.database import engine
from models.rhythm.carried import carrying, rhythm_of
from models.segment_model import SegmentModel
from models.units import to_micros
from services.alerts.measures import Measured, Sources, measured
from services.alerts.rules import parse_rules
from services.claimed_partitions import ClaimedPartitions
from services.drift.events import summary
from services.drift.observer import StreamObserver
from tests.support.dataset_tables import fill
from tests.support.postgres import new_database
from tests.support.steady_stream import model_of

AT, DAYS = 40, 120
END = moment(DAYS)
RULE = '[[rule]]\nname = "Predictions"\nmeasure = "prediction_error"\nabove = 0\nto = ["team"]\n'


def shop(injection: Injection) -> pd.DataFrame:
    return steady_shop(3, days=DAYS, injection=injection, at=AT, per_day=2.0)


def predicting(transactions: pd.DataFrame) -> SegmentModel:
    return carrying(model_of(), fit_rhythm(order_book(transactions), to_micros(moment(0))))


def stream(url: str, injection: Injection) -> Engine:
    """A stream that has applied everything, and a champion that was fitted before its first day."""
    postgres, champion = engine(url), predicting(shop(injection))
    model_registry.register(postgres, champion)
    fill(postgres, shop(injection).assign(country="Nowhere"), champion, END)
    return postgres


@pytest.fixture(scope="module")
def seldom(postgres_server: str, migrated: str) -> Iterator[Engine]:
    with new_database(postgres_server, migrated) as url:
        postgres = stream(url, "seldom")
        assert StreamObserver(postgres).observe() == DAYS
        yield postgres
        postgres.dispose()


@pytest.fixture(scope="module")
def steady(postgres_server: str, migrated: str) -> Iterator[Engine]:
    with new_database(postgres_server, migrated) as url:
        postgres = stream(url, "none")
        assert StreamObserver(postgres).observe() == DAYS
        yield postgres
        postgres.dispose()


def error(postgres: Engine) -> Measured:
    return measured(parse_rules(RULE, {"team": "json://x"})[0], Sources(postgres, lambda: ClaimedPartitions([], None)))


def on_page(postgres: Engine, at: datetime) -> tuple[int, float, int]:
    """What the page At risk compares over 90 days."""
    shown = rhythm_of(model_registry.load(postgres, model_of().version))
    assert shown is not None
    with reading(postgres) as connection:
        found = CheckCache().read(connection, progress(connection), at, shown).compared
    assert found is not None
    assert found.model.days == 90
    return found.check.customers, found.check.predicted, found.check.ordered


def test_customers_who_order_half_as_often_are_an_alarm_that_leads_to_a_refit(seldom: Engine) -> None:
    alarms = [each for each in drift.alarms(seldom, model_of().version) if each.measure == "predictions"]
    assert {each.name for each in alarms} >= {"within_30_days"}
    first = alarms[-1]
    assert moment(AT) < first.window_end < moment(AT + 45)
    assert "were predicted to order within 30 days, and" in summary(first)
    # A later alarm may have led to another proposal.
    proposed = model_registry.find(seldom, PROPOSED)
    (cause,) = [each for each in alarms if each.id in proposed.metadata["because"]]
    refitted = rhythm_of(proposed)
    assert refitted is not None
    assert refitted.metadata["fitted_at"] == to_micros(cause.window_end)


def test_a_steady_shop_raises_none(steady: Engine) -> None:
    assert [each for each in drift.alarms(steady, model_of().version) if each.measure == "predictions"] == []
    assert error(steady).value == 0


@pytest.mark.parametrize("name", ["seldom", "steady"])
def test_the_page_and_the_observer_have_the_same_numbers(request: pytest.FixtureRequest, name: str) -> None:
    postgres: Engine = request.getfixturevalue(name)
    newest = {(each.measure, each.name): each for each in drift.newest(postgres, model_of().version)}
    row = newest["predictions", "within_90_days"]
    assert row.window_end == END
    customers, predicted, ordered = on_page(postgres, END + timedelta(hours=5))
    assert (row.customers, round(row.value * row.customers)) == (customers, ordered)
    assert row.reference * row.customers == pytest.approx(predicted)


def test_an_alert_can_be_about_the_error_of_predictions(seldom: Engine) -> None:
    newest = [each for each in drift.newest(seldom, model_of().version) if each.measure == "predictions"]
    found = error(seldom)
    assert found.event_time == END
    assert found.value == round(max(100 * abs(each.value / each.reference - 1) for each in newest), 1)
    assert found.value is not None
    assert found.value > 10
    assert found.about.startswith("the difference between the customers who were predicted to order and those who did")
    assert "see `segue drift status`" in found.about
