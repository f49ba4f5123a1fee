"""Profiles from Postgres equal those that pandas computes from the file, as of now and any earlier moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from batch.dataset_frames import orders_of
from batch.fit import fit
from batch.profiles import profiles_as_of
from data.datasets.dataset import Dataset
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.ledger import orders_until
from data.postgres.stream_profiles import current_profiles, read_profiles
from tests.support.dataset_tables import fill
from tests.support.generated_tables import a_model
from tests.support.postgres import new_database
from tests.support.retail import retail

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return retail()


@pytest.fixture(scope="module")
def stream(dataset: Dataset, postgres_server: str, migrated: str) -> Iterator[Engine]:
    """A stream that has applied the whole dataset; its watermark is the last transaction's moment."""
    with new_database(postgres_server, migrated) as url:
        postgres = engine(url)
        model_registry.register(postgres, a_model())
        fill(postgres, dataset.transactions, a_model(), dataset.report.last)
        yield postgres
        postgres.dispose()


def test_by_default_both_are_as_of_a_day_after_the_last_transaction(stream: Engine, dataset: Dataset) -> None:
    found = read_profiles(stream)
    assert found.as_of == dataset.report.last + DAY
    assert found.event_time == dataset.report.last
    pd.testing.assert_frame_equal(found.profiles, profiles_as_of(dataset.transactions, found.as_of))


def test_a_file_and_postgres_give_the_same_model_for_the_same_customers(stream: Engine, dataset: Dataset) -> None:
    found = read_profiles(stream)
    of_file = fit(profiles_as_of(dataset.transactions, found.as_of)).model
    assert fit(found.profiles).model == of_file


@pytest.mark.parametrize("days_ago", [0, 1, 200, 500])
def test_profiles_of_an_earlier_moment_are_computed_from_the_ledger(
    stream: Engine, dataset: Dataset, days_ago: int
) -> None:
    moment = dataset.report.last - days_ago * DAY
    found = read_profiles(stream, moment)
    assert found.as_of == moment
    pd.testing.assert_frame_equal(found.profiles, profiles_as_of(dataset.transactions, moment))


def test_stored_profiles_equal_profiles_from_the_ledger(stream: Engine, dataset: Dataset) -> None:
    at_rest = read_profiles(stream, dataset.report.last).profiles
    with stream.begin() as connection:
        # A customer with an event after the watermark makes the stored profiles unusable for that moment.
        connection.execute(
            text(
                "INSERT INTO customers (customer_id, partition, country, last_event_at, frequency, gross, returned, "
                "sequence, model_version) VALUES ('ahead', 0, '', :moment, 0, 0, 0, 0, '')"
            ),
            {"moment": dataset.report.last + DAY},
        )
    try:
        pd.testing.assert_frame_equal(read_profiles(stream, dataset.report.last).profiles, at_rest)
    finally:
        with stream.begin() as connection:
            connection.execute(text("DELETE FROM customers WHERE customer_id = 'ahead'"))


def test_current_profiles_are_as_of_the_later_of_watermark_and_last_event(stream: Engine, dataset: Dataset) -> None:
    current = current_profiles(stream)
    pd.testing.assert_frame_equal(current, profiles_as_of(dataset.transactions, dataset.report.last))
    behind = dataset.report.last - 30 * DAY
    with stream.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = :moment"), {"moment": behind})
    try:
        before = current_profiles(stream)
    finally:
        with stream.begin() as connection:
            connection.execute(text("UPDATE stream_progress SET event_time = :moment"), {"moment": dataset.report.last})
    recent = before["last_purchase_at"] > pd.Timestamp(behind)
    assert recent.any()
    assert (before.loc[recent, "recency_days"] <= current.loc[recent, "recency_days"]).all()
    assert (before["recency_days"] >= 0).all()


def test_a_moment_that_the_stream_has_not_reached_is_refused(stream: Engine, dataset: Dataset) -> None:
    with pytest.raises(LookupError, match="the stream has only reached"):
        read_profiles(stream, dataset.report.last + 2 * DAY)


def test_a_stream_without_a_watermark_or_transactions_is_an_error(postgres: Engine) -> None:
    with pytest.raises(LookupError, match="has not reached any event time yet"):
        read_profiles(postgres)
    model_registry.register(postgres, a_model())
    with postgres.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, event_time) "
                "VALUES (0, '', 0, 0, '', :moment)"
            ),
            {"moment": datetime(2011, 1, 1, tzinfo=UTC)},
        )
    with pytest.raises(LookupError, match="no transactions yet"):
        read_profiles(postgres)


@pytest.mark.parametrize("most", [20, 1_000_000])
def test_the_ledger_gives_the_same_orders_of_the_same_customers_as_the_file(
    stream: Engine, dataset: Dataset, most: int
) -> None:
    moment = dataset.report.last - timedelta(days=200)
    with stream.connect() as connection:
        found = orders_until(connection, moment, most)
    of_file = orders_of(dataset, moment, most)
    keys = ["customer_id", "occurred_at", "kind", "amount_units"]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True), of_file.sort_values(keys, ignore_index=True), check_dtype=False
    )
    assert found["customer_id"].nunique() == min(most, of_file["customer_id"].nunique())
