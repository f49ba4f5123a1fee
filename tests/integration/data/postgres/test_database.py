"""Properties of every session with Postgres."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import literal, make_url, select, text
from sqlalchemy.exc import OperationalError

from dashboard.shared import downloads
from data.postgres.database import async_engine, engine
from data.postgres.frames import frame
from segue.doctor import look_postgres
from stream_app.storage import connection


def engine_of(url: str) -> object:
    return engine(url).connect()


def async_engine_of(url: str) -> object:
    return asyncio.run(_connect(url))


def worker_of(url: str) -> object:
    return asyncio.run(connection.connect(url, 0))


def doctor_of(url: str) -> object:
    return look_postgres.look(url)


async def _connect(url: str) -> object:
    return await async_engine(url, 1).connect()


SUMMER = datetime(2011, 6, 15, 23, 30, tzinfo=UTC)


@pytest.fixture
def in_london(database_url: str) -> str:
    """A database whose default time zone is Europe/London."""
    server = engine(database_url)
    with server.begin() as connection:
        name = make_url(database_url).database
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Europe/London'"))
    server.dispose()
    return database_url


@pytest.mark.parametrize("options", ["", "&options=-c%20timezone%3DAsia/Tokyo%20-c%20jit%3Doff"])
def test_moments_are_utc_in_any_time_zone_of_the_database_or_the_url(in_london: str, options: str) -> None:
    postgres = engine(in_london + options)
    with postgres.connect() as opened:
        moment = opened.scalar(select(literal(SUMMER)))
        assert moment == SUMMER
        assert moment.utcoffset() == timedelta(0)
        opened.rollback()
        assert opened.scalar(text("SHOW timezone")) == "UTC"
        if options:
            assert opened.scalar(text("SHOW jit")) == "off"
    postgres.dispose()


def test_a_file_for_a_spreadsheet_has_its_hours_in_utc(in_london: str) -> None:
    postgres = engine(in_london)
    with postgres.connect() as opened:
        found = frame(opened, select(literal(SUMMER).label("slips_at")))
    postgres.dispose()
    assert downloads.as_csv(found).decode().splitlines() == ["slips_at", "2011-06-15T23:30:00Z"]


def test_an_unreachable_postgres_raises_an_operational_error() -> None:
    with pytest.raises(OperationalError), engine("postgresql://segue@127.0.0.1:1/shop").connect():
        pass


@pytest.mark.parametrize("connected", [engine_of, async_engine_of, worker_of, doctor_of])
def test_parameters_of_libpq_in_the_url_reach_every_client(
    connected: Callable[[str], object], database_url: str
) -> None:
    with pytest.raises((OperationalError, psycopg.Error), match='invalid sslmode value: "sideways"'):
        connected(f"{database_url}&sslmode=sideways")
