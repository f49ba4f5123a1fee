"""What a page says if it has nothing to show: each state has a title, a reason and a next step."""

from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from models.segment_model import ModelError
from runtime.counts import many
from runtime.errors import Hint, SegueError, first_line


class Trouble(NamedTuple):
    """A state without data, in words; commands are between backticks."""

    title: str
    reason: str
    next_step: str


MISSING_TABLE, MISSING_COLUMN, NO_PRIVILEGE, CANCELLED = "42P01", "42703", "42501", "57014"
BY_SQLSTATE = {
    MISSING_TABLE: Trouble(
        "The tables do not exist yet",
        "Postgres answers, but this database has no Segue tables.",
        "Run `segue migrate`; then the page continues by itself.",
    ),
    MISSING_COLUMN: Trouble(
        "The tables are from another version",
        "Postgres answers, but a column that this dashboard reads is missing.",
        "Run `segue migrate`, or start the dashboard of the version that created the tables.",
    ),
    NO_PRIVILEGE: Trouble(
        "The dashboard may not read the tables",
        "Its database role lacks the privilege to read Segue's tables.",
        "Grant SELECT on the tables to that role.",
    ),
    CANCELLED: Trouble(
        "Postgres is too busy",
        "A query took longer than the dashboard waits.",
        "Nothing to do: the page tries again every few seconds.",
    ),
}
NO_MODEL = Trouble(
    "No segment model yet",
    "Customers have segments only after a champion model exists.",
    "Run `segue fit`; then the page continues by itself.",
)


def no_model(transactions: int) -> Trouble:
    """The state without a champion, in which a stream may have collected transactions already."""
    if not transactions:
        return NO_MODEL
    return Trouble(
        NO_MODEL.title,
        f"{many(transactions, 'transaction')} of customers without a segment so far: their first one comes with the "
        "first model.",
        "Run `segue fit --from-stream`, which also says if anything is missing; then the page continues by itself.",
    )


NOTHING_STREAMED = Trouble(
    "Nothing has been streamed yet",
    "The model is ready. No transaction has arrived yet.",
    "Run `segue worker` and `segue replay`; the first customers appear here within seconds.",
)
#: The same, shown above the model's segments.
SEGMENTS_WITHOUT_CUSTOMERS = NOTHING_STREAMED._replace(
    reason="The model is ready, and these are its segments. No transaction has arrived yet."
)


def no_event_time(silent: int, partitions: int) -> Trouble:
    """The state of a stream without an event time: event time is unknown until every partition has had a tick."""
    if silent == partitions:
        return NOTHING_STREAMED
    return Trouble(
        "Waiting for all partitions",
        f"{silent} of {many(partitions, 'partition')} without a tick yet, so the event time is unknown.",
        "Nothing to do if a replay or a worker has just started. The Operations page shows the missing partitions.",
    )


def bad_settings(error: ValidationError | ArgumentError | SegueError) -> Trouble:
    """The state in which the dashboard does not know its database."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        variable = f"SEGUE_{'_'.join(map(str, first['loc'])).upper()}: " if first["loc"] else ""
        reason = f"{variable}{first['msg'].removeprefix('Value error, ')}."
    elif isinstance(error, SegueError):
        reason = f"{error}."
    else:
        reason = "SEGUE_DATABASE_URL is not a valid URL."
    is_unmasked = isinstance(error, SegueError) and error.hint is Hint.SET_THE_MASKED_URL
    wrong = "SEGUE_MASKED_DATABASE_URL" if is_unmasked else "the environment"
    return Trouble("The settings are not valid", reason, f"Correct {wrong} and start the dashboard again.")


def exposed(reason: str) -> Trouble:
    """The state of a dashboard without a login that other machines could reach."""
    next_step = "Start it with `segue dashboard`, or with `--server.address 127.0.0.1`."
    return Trouble("Without a login, it is for this machine only", f"{reason[:1].upper()}{reason[1:]}.", next_step)


#: The state in which Streamlit does not know the provider, because the script was started directly.
LOGIN_NOT_SERVED = Trouble(
    "The login is not served",
    "The settings ask for a login, but the dashboard was started without it.",
    "Start it with `segue dashboard`.",
)


def from_error(error: SQLAlchemyError | ModelError, url: URL) -> Trouble:
    """The state that an error while reading means; the database's address is shown without the password."""
    if isinstance(error, ModelError):
        return Trouble("The champion model can't be read", f"{error}.", "Make another model the champion.")
    sqlstate = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    if sqlstate in BY_SQLSTATE:
        return BY_SQLSTATE[sqlstate]
    if isinstance(error, OperationalError):
        reason = f"There is no answer from the database {_address(url)}."
        return Trouble(
            "Postgres is not available",
            reason,
            "Start it, for example with `segue up`, or set SEGUE_DATABASE_URL. The page tries again by itself.",
        )
    return Trouble("Postgres can't be read", first_line(error), "The page tries again by itself.")


def _address(url: URL) -> str:
    host = url.host or str(url.query.get("host", "localhost"))
    port = f":{url.port}" if url.port else ""
    return f"“{url.database}” at {host}{port}"
