"""Under a model with a window, pages as of a past day show the next moves that the worker had stored on that day."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, make_url

from dashboard.at_risk import past_people
from dashboard.customer import past_life
from dashboard.shared import past
from dashboard.shared.connection import masked_engine
from dashboard.shared.personas import personas
from dashboard.shared.reading import reading
from dashboard.shared.risk_list import next_change
from data.postgres import roles
from data.postgres.database import engine as connect
from tests.support.money import POUNDS
from tests.support.windowed_stream import WindowedShop, stored_in_a_window, windowed_shop

#: Days after the first order, with fractions.
DAYS = sorted(map(Random(23).uniform, [30] * 5, [415] * 5))


@pytest.fixture(scope="module")
def shop() -> WindowedShop:
    return windowed_shop()


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with stored_in_a_window(postgres_server) as found:
        yield found


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = connect(url)
    with reading(engine) as found:
        yield found
    engine.dispose()


def moment(shop: WindowedShop, days: float) -> datetime:
    return datetime.fromtimestamp(int((shop.dataset.report.first + timedelta(days=days)).timestamp()), UTC)


@pytest.mark.parametrize("days", DAYS)
def test_every_customer_at_risk_moves_when_the_worker_had_said(
    days: float, shop: WindowedShop, connection: Connection
) -> None:
    at = moment(shop, days)
    found = past_people.read(past.read(connection, at), connection)
    people = found.customers
    then = [
        (people.customer_id.of(row), people.segment.of(row), next_change(people, row), people.next_segment.of(row))
        for row in range(len(people.spent))
    ]
    columns = ("customer_id", "segment", "next_change_at", "next_segment")
    stored = [tuple(row[name] for name in columns) for row in shop.stopped(at).customers if row["segment"] is not None]
    assert found.unsettled == 0
    assert then == sorted(stored)
    assert sum(each[2] is not None for each in then) > 10


@pytest.mark.parametrize("days", DAYS[-1:])
def test_the_customer_page_says_the_same(days: float, shop: WindowedShop, connection: Connection) -> None:
    at = moment(shop, days)
    for row in shop.stopped(at).customers:
        found = past_life.read(connection, personas(shop.windowed), at, row["customer_id"], POUNDS)
        assert found is not None
        assert found.portrait.next_change_at == row["next_change_at"], row


def test_a_masked_session_has_the_same_moves(shop: WindowedShop, url: str) -> None:
    at, found = moment(shop, DAYS[-1]), []
    engine = connect(url)
    user = roles.make_login(engine, roles.MASKED, None)
    masked = masked_engine(make_url(url).set(username=user).render_as_string(hide_password=False))
    for each in (engine, masked):
        with reading(each) as connection:
            read = past_people.read(past.read(connection, at), connection)
        assert read.unsettled == 0
        found.append(sorted(read.customers.next_change_at.tolist()))
        each.dispose()
    assert found[0] == found[1]
