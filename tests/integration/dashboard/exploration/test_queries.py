"""The data page's sums are those of pandas on the same transactions."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from batch.explore.cohorts import active_by_cohort
from batch.explore.cohorts import retention as retention_of
from batch.explore.revenue import by_country as country_oracle
from batch.profiles import profiles_as_of
from dashboard.exploration import figures, queries
from dashboard.exploration.queries import Ledger
from dashboard.shared.flows import midnight
from dashboard.shared.reading import reading
from data.datasets.dataset import Dataset
from data.datasets.frames import clean
from data.postgres.model_registry import register
from data.postgres.tables import metadata
from models.segment_model import SegmentModel
from tests.support.dataset_tables import fill
from tests.support.retail import retail, rows

EVENT_TIME = datetime(2011, 3, 10, 14, 30, tzinfo=UTC)
UNTIL = datetime(2011, 3, 10, tzinfo=UTC)


@pytest.fixture
def streamed() -> pd.DataFrame:
    """The transactions up to the event time."""
    everything = retail().transactions
    return everything[everything["occurred_at"] <= EVENT_TIME]


@pytest.fixture
def before(streamed: pd.DataFrame) -> pd.DataFrame:
    """The transactions of whole event days."""
    return streamed[streamed["occurred_at"] < UNTIL]


@pytest.fixture
def file_before() -> Dataset:
    """A file with the transactions of whole event days; no invoice has lines on both sides of a midnight."""
    return clean(rows()[rows()["occurred_at"] < UNTIL], "before")


@pytest.fixture
def shop(engine: Engine, model: SegmentModel, streamed: pd.DataFrame) -> Engine:
    metadata.create_all(engine)
    register(engine, model)
    fill(engine, streamed, model, EVENT_TIME)
    return engine


@pytest.fixture
def ledger(shop: Engine) -> Ledger:
    with reading(shop) as connection:
        found = queries.ledger(connection, midnight(EVENT_TIME))
    assert found is not None
    return found


def test_revenue_by_month_is_that_of_pandas(ledger: Ledger, before: pd.DataFrame) -> None:
    ours = figures.monthly(ledger.revenue, ledger.months)
    month = before["occurred_at"].dt.strftime("%Y-%m")
    pounds = before.assign(pounds=before["amount_units"] / 10_000)
    for kind, count, money in (("sale", "sales", "sold"), ("return", "returns", "returned")):
        theirs = pounds[pounds["kind"] == kind].groupby(month)["pounds"].agg(["count", "sum"])
        assert ours[count].tolist() == theirs["count"].tolist()
        np.testing.assert_allclose(ours[money], theirs["sum"])
    assert ours.index[0] == datetime(2009, 12, 1, tzinfo=UTC)
    assert ours.index[-1] == datetime(2011, 3, 1, tzinfo=UTC)


def test_revenue_by_country_is_that_of_the_report(ledger: Ledger, file_before: Dataset) -> None:
    ours, theirs = figures.by_country(ledger.revenue), country_oracle(file_before)
    assert ours.index.tolist() == theirs.index.tolist()
    np.testing.assert_allclose(ours["net"], theirs["net"])
    assert ours["sales"].tolist() == theirs["sales"].tolist()


def test_retention_is_that_of_the_report(ledger: Ledger, file_before: Dataset) -> None:
    ours = figures.retention(ledger.cohorts, ledger.cohort_months)
    active = active_by_cohort(file_before)
    theirs = retention_of(active).tz_localize("UTC")
    pd.testing.assert_frame_equal(
        ours.loc[theirs.index], theirs, check_names=False, check_column_type=False, check_freq=False
    )
    sizes = ledger.cohorts[ledger.cohorts["cohort"] == ledger.cohorts["month"]].set_index("cohort")["customers"]
    assert sizes.tolist() == active[0].astype(int).tolist()


def test_cohorts_before_the_followed_months_are_left_out(shop: Engine, file_before: Dataset) -> None:
    watched = queries.month_starts(datetime(2010, 10, 5, tzinfo=UTC), UNTIL)
    with reading(shop) as connection:
        found = queries.cohorts(connection, watched, watched[0], UNTIL)
    active = active_by_cohort(file_before).tz_localize("UTC").loc["2010-10":]
    ours = figures.retention(found, watched)
    pd.testing.assert_series_equal(ours[1], retention_of(active)[1], check_names=False, check_freq=False)
    own = found[found["cohort"] == found["month"]].set_index("cohort")["customers"]
    assert own.tolist() == active[0].astype(int).tolist()


def test_basket_values_are_binned_by_their_lower_bounds(ledger: Ledger, before: pd.DataFrame) -> None:
    pounds = before.loc[before["kind"] == "sale", "amount_units"] / 10_000
    counts = np.histogram(pounds, [-np.inf, *queries.BASKETS, np.inf])[0]
    ours = ledger.baskets.set_index("lower")["sales"].reindex([0.0, *queries.BASKETS], fill_value=0)
    assert ours.tolist() == counts.tolist()
    low, high = figures.median_bar(ledger.baskets, queries.BASKETS)
    assert low <= pounds.median() < high


def test_distributions_are_those_of_the_profiles(shop: Engine, model: SegmentModel, streamed: pd.DataFrame) -> None:
    with reading(shop) as connection:
        ours = queries.distributions(connection, model, EVENT_TIME)
    profiles = profiles_as_of(streamed, EVENT_TIME)
    net = np.maximum(profiles["gross_units"] - profiles["returned_units"], 0) / 10_000
    for name, values, edges in (
        ("recency", profiles["recency_days"], queries.RECENCY),
        ("frequency", profiles["frequency"], queries.FREQUENCY),
        ("monetary", net, queries.MONETARY),
    ):
        counts = np.histogram(values, [-np.inf, *edges, np.inf])[0]
        own = ours[ours["measure"] == name].set_index("lower")["customers"].reindex([0.0, *edges], fill_value=0)
        assert own.tolist() == counts.tolist(), name


def test_before_the_first_day_is_over_there_is_no_ledger(shop: Engine, before: pd.DataFrame) -> None:
    first = before["occurred_at"].min()
    with reading(shop) as connection:
        assert queries.ledger(connection, midnight(first)) is None
        assert queries.ledger(connection, midnight(first + pd.Timedelta(days=1))) is not None


def test_without_a_transaction_there_is_no_ledger(engine: Engine) -> None:
    metadata.create_all(engine)
    with reading(engine) as connection:
        assert queries.ledger(connection, UNTIL) is None
