"""Audiences as they are saved: a name, and the text of a definition."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import audiences
from models.audience import AudienceDefinition, AudienceError
from models.audience_text import parse, to_text
from runtime.errors import Hint, NotFoundError


@dataclass(frozen=True)
class Audience:
    """A saved audience."""

    name: str
    definition: AudienceDefinition
    created_at: datetime
    changed_at: datetime


def save(postgres: Engine, name: str, definition: AudienceDefinition) -> bool:
    """Save an audience under a checked name, in place of an older one of that name; returns whether there was one."""
    text = to_text(definition)
    row = insert(audiences).values(name=name, definition=text)
    # Saving the same again is no change.
    changed = {"definition": text, "changed_at": func.now()}
    row = row.on_conflict_do_update(
        index_elements=[audiences.c.name], set_=changed, where=audiences.c.definition != text
    )
    known = select(func.count()).where(audiences.c.name == name)
    with postgres.begin() as connection:
        before = connection.execute(known).scalar_one() > 0
        connection.execute(row)
    return before


def remove(postgres: Engine, name: str) -> None:
    """Delete an audience.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    """
    with postgres.begin() as connection:
        if not connection.execute(delete(audiences).where(audiences.c.name == name)).rowcount:
            raise _unknown(name)


def find(connection: Connection, name: str) -> Audience:
    """A saved audience.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    AudienceError
        If its definition can't be read: a later version of Segue has saved it.
    """
    # Postgres has no such character in a text.
    row = None if "\0" in name else connection.execute(select(audiences).where(audiences.c.name == name)).one_or_none()
    if row is None:
        raise _unknown(name)
    return _audience(row)


def listed(connection: Connection) -> list[Audience]:
    """All audiences, by their names; raises what :func:`find` raises of one."""
    return [_audience(row) for row in connection.execute(select(audiences).order_by(audiences.c.name))]


def names(connection: Connection) -> list[str]:
    """The names of all audiences, sorted."""
    return list(connection.scalars(select(audiences.c.name).order_by(audiences.c.name)))


def _audience(row: Row[tuple[object, ...]]) -> Audience:
    try:
        definition = parse(row.definition)
    except AudienceError as error:
        raise AudienceError(f"the audience {row.name} can't be read: {error}") from None
    return Audience(row.name, definition, row.created_at, row.changed_at)


def _unknown(name: str) -> NotFoundError:
    shown = name if len(name) <= 40 else f"{name[:40]}…"
    return NotFoundError(f"there is no audience {shown!r}", Hint.LIST_AUDIENCES)
