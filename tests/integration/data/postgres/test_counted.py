"""Every reader of a customer's numbers under a model with a window gets those that pandas counts in it."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import Engine, make_url, select, text

from batch.dataset_frames import profiles_of
from batch.profiles import profiles_as_of
from batch.reconcile_past import differences, expected_states
from batch.scorer import Scorer
from dashboard.shared.connection import masked_engine
from data.postgres import roles
from data.postgres.counted import counted_customers
from data.postgres.database import engine
from data.postgres.frames import frame
from data.postgres.masked_views import MASK_BEGINS
from data.postgres.past_states import past_state, past_states
from data.postgres.stream_profiles import current_profiles, read_profiles
from data.postgres.tables import customers
from models.units import to_money_units
from services.api.reading import CustomerReader
from services.api.schemas import Customer
from tests.support.windowed_stream import (
    WINDOW_DAYS,
    WindowedShop,
    lived_in_a_window,
    stored_in_a_window,
    windowed_shop,
)

NUMBERS = ["frequency", "gross_units", "returned_units"]


@pytest.fixture(scope="module")
def shop() -> WindowedShop:
    return windowed_shop()


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with stored_in_a_window(postgres_server) as found:
        yield found


@pytest.fixture(scope="module")
def stream(url: str) -> Iterator[Engine]:
    made = engine(url)
    yield made
    made.dispose()


def by_pandas(shop: WindowedShop, as_of: datetime) -> pd.DataFrame:
    found = profiles_as_of(shop.dataset.transactions, as_of, WINDOW_DAYS).sort_index()
    assert (found["frequency"] == 0).any()
    assert (found["frequency"] > 0).any()
    return found


def test_the_table_of_customers_itself_is_read_without_a_window(shop: WindowedShop) -> None:
    assert counted_customers(None, shop.dataset.report.last) is customers


@pytest.mark.parametrize("is_given", [True, False])
def test_customers_count_what_is_in_the_window_at_event_time(
    stream: Engine, shop: WindowedShop, is_given: bool
) -> None:
    last = shop.dataset.report.last
    people = counted_customers(WINDOW_DAYS, last if is_given else None)
    with stream.connect() as connection:
        rows = frame(connection, select(people).where(people.c.last_purchase_at.is_not(None)))
    expected = by_pandas(shop, last)
    found = rows.set_index("customer_id").sort_index()
    assert found.index.tolist() == expected.index.tolist()
    assert found["frequency"].tolist() == expected["frequency"].tolist()
    for name in ("gross", "returned"):
        assert [to_money_units(each) for each in found[name]] == expected[f"{name}_units"].tolist()
    with stream.connect() as connection:
        stored = connection.execute(select(customers.c.frequency).order_by(customers.c.customer_id)).scalars().all()
    assert sum(stored) > found["frequency"].sum()


def test_profiles_of_the_stream_and_of_the_file_are_those_that_pandas_counts(
    stream: Engine, shop: WindowedShop
) -> None:
    last = shop.dataset.report.last
    for as_of in (last - timedelta(days=100, hours=5), last + timedelta(hours=7)):
        expected = by_pandas(shop, as_of)
        pd.testing.assert_frame_equal(read_profiles(stream, as_of, WINDOW_DAYS).profiles, expected)
        found = profiles_of(shop.dataset, as_of, WINDOW_DAYS)
        pd.testing.assert_frame_equal(found, expected, check_index_type=False)
    pd.testing.assert_frame_equal(current_profiles(stream, WINDOW_DAYS), by_pandas(shop, last))


def test_past_days_count_what_was_in_the_window_then(stream: Engine, shop: WindowedShop) -> None:
    transactions = shop.dataset.transactions
    changes = lived_in_a_window().frame("changes")
    changes["effective_at"] = pd.to_datetime(changes["effective_at"], utc=True)
    for days in (60, 200, 400):
        moment = shop.first(days)
        expected = expected_states(transactions, changes, moment, Scorer.of(shop.windowed))
        with stream.connect() as connection:
            states = past_states(connection, moment)
            assert differences(expected, states) == []
            inactive = states[states["segment"] == "inactive"]
            assert (inactive["counted_frequency"] == 0).all()
            assert (inactive["frequency"] > 0).all()
            row = states.iloc[0]
            one = past_state(connection, moment, row["customer_id"])
        assert one is not None
        assert one.counted_frequency == row["counted_frequency"]
        assert (one.counted_gross_units, one.frequency) == (row["counted_gross_units"], row["frequency"])


def test_the_api_and_the_view_answer_what_is_in_the_window(url: str, stream: Engine, shop: WindowedShop) -> None:
    expected = by_pandas(shop, shop.dataset.report.last)
    answers = asyncio.run(_answers(url, expected.index.tolist()))
    with stream.connect() as connection:
        rows = connection.execute(text("SELECT * FROM segue_read.current_segments")).all()
    view = {row.customer_id: row for row in rows}
    for answer in answers:
        own, row = expected.loc[answer.customer_id], view[answer.customer_id]
        assert answer.window_days == row.window_days == WINDOW_DAYS
        assert answer.frequency == row.frequency == own["frequency"]
        for name, money in (("gross_units", answer.gross), ("returned_units", answer.returned)):
            assert to_money_units(Decimal(money)) == own[name]
        assert to_money_units(row.gross) == own["gross_units"]
        assert to_money_units(row.monetary) == to_money_units(Decimal(answer.monetary))
        assert (answer.segment is not None and answer.segment.id == "inactive") == (own["frequency"] == 0)


async def _answers(url: str, ids: list[str]) -> list[Customer]:
    reader = CustomerReader(url)
    try:
        found = [await reader.customer(each) for each in ids]
    finally:
        await reader.close()
    return [each for each in found if each is not None]


def test_a_masked_session_counts_the_same_without_ids(url: str, stream: Engine, shop: WindowedShop) -> None:
    user = roles.make_login(stream, roles.MASKED, None)
    masked = masked_engine(make_url(url).set(username=user).render_as_string(hide_password=False))
    people = counted_customers(WINDOW_DAYS, shop.dataset.report.last)
    with masked.connect() as connection:
        rows = connection.execute(select(people.c.customer_id, people.c.frequency, people.c.gross)).all()
    masked.dispose()
    with stream.connect() as connection:
        same = connection.execute(select(people.c.frequency, people.c.gross)).all()
    assert all(row.customer_id.startswith(MASK_BEGINS) for row in rows)
    assert sorted(row[1:] for row in rows) == sorted(tuple(row) for row in same)
