"""Faults of the log in Postgres: listed, counted and resolved."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from data.postgres.tables import log_faults
from runtime.counts import many
from runtime.errors import NotFoundError

_c = log_faults.c
_UNRESOLVED = _c.resolved_at.is_(None)


def read(connection: Connection, resolved: bool = False) -> Sequence[Row[Any]]:
    """The rows of ``log_faults`` that are not resolved, the newest first; with ``resolved``, all of them."""
    query = select(log_faults).order_by(_c.id.desc())
    return connection.execute(query if resolved else query.where(_UNRESOLVED)).all()


def faults(engine: Engine, resolved: bool = False) -> Sequence[Row[Any]]:
    """:func:`read`, over a connection of its own."""
    with engine.connect() as connection:
        return read(connection, resolved)


def resolve(engine: Engine, ids: Sequence[int] | None) -> int:
    """Mark faults as resolved, all of them if ``ids`` is None; returns how many were not resolved before.

    Raises
    ------
    NotFoundError
        If one of the faults does not exist; then none is marked.
    """
    with engine.begin() as connection:
        chosen = update(log_faults).where(_UNRESOLVED).values(resolved_at=func.now())
        if ids is not None:
            known = set(connection.execute(select(_c.id).where(_c.id.in_(ids))).scalars())
            if missing := sorted(set(ids) - known):
                raise NotFoundError(f"there is no log fault {missing[0]}")
            chosen = chosen.where(_c.id.in_(ids))
        return connection.execute(chosen).rowcount


def describe(fault: Row[Any]) -> str:
    """A fault in one sentence, without its partition."""
    count = fault.end_offset - fault.first_offset
    offsets = f"offsets {fault.first_offset:,} to {fault.end_offset - 1:,}"
    lost, applied = many(count, "applied record"), many(count, "offset was applied", "offsets were applied")
    return {
        "truncated": f"the log lost up to {lost} ({offsets}), and was read again from its start",
        "recreated": f"the topic was created again after {applied}, and was read from its start",
        "deleted": many(
            count,
            f"record ({offsets}) was deleted before it was read",
            f"records ({offsets}) were deleted before they were read",
        ),
    }.get(fault.kind, f"{fault.kind}: {offsets}")
