"""Who did what: acts of operators, commands that change something, and downloads.

Rows are added by a function of Postgres only; no role but the owner of the table can change or delete one. An act is
recorded before it begins, so that what can't be recorded is not done.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, bindparam, func, or_, select, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError

from data.postgres.tables import audit

Outcome = Literal["begun", "done", "failed"]
Detail = dict[str, Any]
_ADD = text(
    "SELECT segue_audit(:act_id, :subject, :email, :role, :act, :object, :detail, CAST(:outcome AS text))"
).bindparams(bindparam("detail", type_=JSONB))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the subject of a login or a user of the operating system, their e-mail address, and their role."""

    subject: str
    role: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to which object; ``object`` never has an id of a customer."""

    name: str
    object: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act as it was recorded: when, by whom, and how it ended.

    The outcome is "begun" if nothing recorded the end: the process died, or the act goes on.
    """

    id: int
    at: datetime
    event_time: datetime | None
    subject: str
    email: str | None
    role: str
    act: str
    object: str
    detail: Detail
    outcome: Outcome
    database_user: str


def add(postgres: Engine, actor: Actor, act: Act, detail: Detail, outcome: Outcome, of: int | None = None) -> int:
    """Add a row, and return its id. ``of`` is the id of the row that recorded the beginning of the act.

    ``detail`` are counts and filters, never an id of a customer.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If it can't be written; then the act must not be done.
    """
    values = {
        "act_id": of,
        "subject": actor.subject,
        "email": actor.email,
        "role": actor.role,
        "act": act.name,
        "object": act.object,
        "detail": detail,
        "outcome": outcome,
    }
    # A dashboard's transactions are read-only by default.
    with postgres.connect().execution_options(postgresql_readonly=False) as connection, connection.begin():
        return int(connection.execute(_ADD, values).scalar_one())


@contextmanager
def recorded(postgres: Engine, actor: Actor, act: Act, detail: Detail | None = None) -> Iterator[Detail]:
    """Record an act: that it begins, and how it ended. What the block puts into the value is recorded at the end.

    Of a failure only the kind is recorded: a message may quote an id.
    """
    found: Detail = {}
    begun = add(postgres, actor, act, detail or {}, "begun")
    try:
        yield found
    except BaseException as error:
        # The reason why it can't be recorded is probably the reason of the failure.
        with suppress(SQLAlchemyError):
            add(postgres, actor, act, found | {"error": type(error).__name__}, "failed", begun)
        raise
    add(postgres, actor, act, found, "done", begun)


def acts(
    postgres: Engine, limit: int, since: datetime | None = None, act: str | None = None, who: str | None = None
) -> list[Recorded]:
    """The newest acts, the newest first; those of one kind or a group of kinds (``keys``), or of one person, if given.

    ``who`` is a subject or an e-mail address.
    """
    first, end = audit.alias("first"), audit.alias("end")
    last = select(end).where(end.c.act_id == first.c.id).order_by(end.c.id.desc()).limit(1).lateral("last")
    query = (
        select(
            *(first.c.id, first.c.at, first.c.event_time, first.c.subject, first.c.email, first.c.role),
            *(first.c.act, first.c.object),
            first.c.detail.op("||")(func.coalesce(last.c.detail, text("'{}'::jsonb"))).label("detail"),
            func.coalesce(last.c.outcome, first.c.outcome).label("outcome"),
            first.c.database_user,
        )
        .select_from(first.outerjoin(last, true()))
        .where(first.c.act_id.is_(None))
        .order_by(first.c.id.desc())
        .limit(limit)
    )
    if since is not None:
        query = query.where(first.c.at >= since)
    if act is not None:
        query = query.where(or_(first.c.act == act, first.c.act.startswith(f"{act} ", autoescape=True)))
    if who is not None:
        query = query.where(or_(first.c.subject == who, first.c.email == who))
    with postgres.connect() as connection:
        return [Recorded(*row) for row in connection.execute(query)]
