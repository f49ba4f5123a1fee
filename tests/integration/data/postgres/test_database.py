"""Properties of every session with Postgres."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import literal, make_url, select, text
from sqlalchemy.exc import OperationalError

from dashboard.shared import downloads
from data.postgres.database import engine
from data.postgres.frames import frame

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
    with postgres.connect() as connection:
        moment = connection.scalar(select(literal(SUMMER)))
        assert moment == SUMMER
        assert moment.utcoffset() == timedelta(0)
        connection.rollback()
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        if options:
            assert connection.scalar(text("SHOW jit")) == "off"
    postgres.dispose()


def test_a_file_for_a_spreadsheet_has_its_hours_in_utc(in_london: str) -> None:
    postgres = engine(in_london)
    with postgres.connect() as connection:
        found = frame(connection, select(literal(SUMMER).label("slips_at")))
    postgres.dispose()
    assert downloads.as_csv(found).decode().splitlines() == ["slips_at", "2011-06-15T23:30:00Z"]


def test_an_unreachable_postgres_raises_an_operational_error() -> None:
    with pytest.raises(OperationalError), engine("postgresql://segue@127.0.0.1:1/shop").connect():
        pass
