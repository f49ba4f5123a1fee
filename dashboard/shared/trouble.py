"""What the page says when there is nothing to show: each state has a title, a reason and a next step."""

from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from dashboard.shared.words import many
from models.segment_model import ModelError


class Trouble(NamedTuple):
    """A state without data, in words; commands stand between backticks."""

    title: str
    reason: str
    next_step: str


MISSING_TABLE, MISSING_COLUMN, NO_PRIVILEGE, CANCELLED = "42P01", "42703", "42501", "57014"
BY_SQLSTATE = {
    MISSING_TABLE: Trouble(
        "The tables are not there yet",
        "Postgres answers, but this database has no Segue tables.",
        "Run `segue migrate`; the page goes on by itself.",
    ),
    MISSING_COLUMN: Trouble(
        "The tables are from another version",
        "Postgres answers, but a column that this dashboard reads is missing.",
        "Run `segue migrate`, or the dashboard of the version that made the tables.",
    ),
    NO_PRIVILEGE: Trouble(
        "The dashboard may not read",
        "Its database role lacks the right to read Segue's tables.",
        "Grant SELECT on the tables to that role.",
    ),
    CANCELLED: Trouble(
        "Postgres is too busy",
        "A question took longer than the dashboard is willing to wait.",
        "Nothing to do: it asks again every few seconds.",
    ),
}
NO_MODEL = Trouble(
    "No segment model yet",
    "Without a champion model nobody has a segment.",
    "Run `segue fit`; the page goes on by itself.",
)
NOTHING_STREAMED = Trouble(
    "Nothing has been streamed yet",
    "The model is ready. No transaction has arrived.",
    "Run `segue worker` and `segue replay`; the first customers appear here within seconds.",
)
#: The same above the segments themselves.
SEGMENTS_TO_COME = NOTHING_STREAMED._replace(
    reason="The model is ready and these are its segments. No transaction has arrived."
)


def no_event_time(silent: int, partitions: int) -> Trouble:
    """The state of a stream that nobody can date: as long as a partition is silent, event time is unknown."""
    if silent == partitions:
        return NOTHING_STREAMED
    return Trouble(
        "Waiting for all partitions",
        f"{silent} of {many(partitions, 'partition')} not heard from yet: how far event time is, is not known.",
        "Nothing to do while a replay or a worker has just begun. Operations says which partitions they are.",
    )


def bad_settings(error: ValidationError | ArgumentError) -> Trouble:
    """The state in which the dashboard can't even tell where its database is."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        variable = f"SEGUE_{'_'.join(map(str, first['loc'])).upper()}: " if first["loc"] else ""
        reason = f"{variable}{first['msg'].removeprefix('Value error, ')}."
    else:
        reason = "SEGUE_DATABASE_URL is not a URL that can be read."
    return Trouble("The settings can't be used", reason, "Correct the environment and start again.")


def of(error: SQLAlchemyError | ModelError, url: URL) -> Trouble:
    """The state that an error while reading stands for; the address is shown without its password."""
    if isinstance(error, ModelError):
        return Trouble("The champion model can't be read", f"{error}.", "Make another model the champion.")
    sqlstate = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    if sqlstate in BY_SQLSTATE:
        return BY_SQLSTATE[sqlstate]
    if isinstance(error, OperationalError):
        reason = f"Nobody answers for the database {_address(url)}."
        return Trouble(
            "Postgres is away",
            reason,
            "Start it, for example with `segue up`, or set SEGUE_DATABASE_URL. The page tries again by itself.",
        )
    return Trouble("Postgres can't be read", str(error).splitlines()[0], "The page tries again by itself.")


def _address(url: URL) -> str:
    host = url.host or str(url.query.get("host", "localhost"))
    port = f":{url.port}" if url.port else ""
    return f"“{url.database}” at {host}{port}"
