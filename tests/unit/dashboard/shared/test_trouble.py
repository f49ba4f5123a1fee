"""Every error becomes a state with a reason and a next step, without secrets."""

import pytest
from psycopg import errors
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from dashboard.shared import trouble
from data.postgres.masked_views import UnmaskedError
from models.segment_model import ModelError
from runtime.errors import Hint

URL = make_url("postgresql://segue:hush@db.example:6543/shop")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (ProgrammingError("select", {}, errors.UndefinedTable("no table")), "The tables do not exist yet"),
        (ProgrammingError("select", {}, errors.UndefinedColumn("no column")), "The tables are from another version"),
        (ProgrammingError("select", {}, errors.InsufficientPrivilege("no")), "The dashboard may not read the tables"),
        (OperationalError("select", {}, errors.QueryCanceled("timeout")), "Postgres is too busy"),
        (OperationalError("select", {}, errors.AdminShutdown("bye")), "Postgres is not available"),
        (OperationalError("connect", {}, errors.ConnectionTimeout("refused")), "Postgres is not available"),
        (SQLAlchemyError("something else\nand its details"), "Postgres can't be read"),
        (ModelError("two segments have the same id"), "The champion model can't be read"),
    ],
)
def test_each_error_has_its_state(error: SQLAlchemyError | ModelError, title: str) -> None:
    state = trouble.from_error(error, URL)
    assert state.title == title
    assert state.reason
    assert state.next_step
    assert "hush" not in " ".join(state)
    assert "\n" not in " ".join(state)


def test_an_absent_postgres_is_named_by_its_address() -> None:
    state = trouble.from_error(OperationalError("connect", {}, errors.ConnectionTimeout("refused")), URL)
    assert "“shop” at db.example:6543" in state.reason


def test_a_socket_folder_is_an_address_too() -> None:
    state = trouble.from_error(
        OperationalError("connect", {}, errors.ConnectionTimeout("refused")),
        make_url("postgresql://postgres@/shop?host=/run/postgres"),
    )
    assert "“shop” at /run/postgres" in state.reason


def test_one_silent_partition_is_not_an_empty_stream() -> None:
    assert trouble.no_event_time(2, 2) == trouble.NOTHING_STREAMED
    assert "1 of 2 partitions without a tick yet" in trouble.no_event_time(1, 2).reason


def test_a_masked_user_who_can_read_ids_leads_to_the_variable_that_names_the_user() -> None:
    found = trouble.bad_settings(UnmaskedError("the user can read ids", Hint.SET_THE_MASKED_URL))
    assert found.reason == "the user can read ids."
    assert found.next_step == "Correct SEGUE_MASKED_DATABASE_URL and start the dashboard again."
