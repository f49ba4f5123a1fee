"""Audiences as they are saved: a name, and the text of a definition."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Row, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import audiences
from models.audience import AudienceDefinition, AudienceError
from models.audience_text import checked_text, parse, to_text
from runtime.errors import Hint, NotFoundError

_c = audiences.c


@dataclass(frozen=True)
class Audience:
    """A saved audience."""

    name: str
    definition: AudienceDefinition
    created_at: datetime
    changed_at: datetime


def save(postgres: Engine, name: str, definition: AudienceDefinition, known: AudienceDefinition | None) -> None:
    """Save an audience under a checked name.

    Parameters
    ----------
    known
        What the caller believes to be saved under this name; None for nothing.

    Raises
    ------
    AudienceError
        If something else is saved there: somebody has changed it meanwhile. Or if the definition is too long.
    """
    text = checked_text(definition)
    # Saving the same again is no change.
    changed = {"definition": text, "changed_at": case((_c.definition == text, _c.changed_at), else_=func.now())}
    with postgres.begin() as connection:
        if known is None:
            new = insert(audiences).values(name=name, definition=text).on_conflict_do_nothing()
            written = connection.execute(new.returning(_c.name)).first()
        else:
            same = (_c.name == name, _c.definition == to_text(known))
            written = connection.execute(update(audiences).where(*same).values(changed).returning(_c.name)).first()
        if written is None:
            raise AudienceError(f"somebody else has saved or deleted the audience {name!r} meanwhile: look at it again")


def replace(postgres: Engine, name: str, definition: AudienceDefinition) -> None:
    """Save an audience under a checked name, whatever is saved there; raises an error if the definition is too long."""
    text = checked_text(definition)
    row = insert(audiences).values(name=name, definition=text)
    changed = {"definition": text, "changed_at": func.now()}
    other = _c.definition != text
    with postgres.begin() as connection:
        connection.execute(row.on_conflict_do_update(index_elements=[_c.name], set_=changed, where=other))


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


class ListedAudiences(NamedTuple):
    """All audiences by their names, and why others can't be read: a later version of Segue may have saved them."""

    readable: list[Audience]
    unreadable: list[str]


def listed(connection: Connection) -> ListedAudiences:
    """All audiences."""
    found = ListedAudiences([], [])
    for row in connection.execute(select(audiences).order_by(audiences.c.name)):
        try:
            found.readable.append(_audience(row))
        except AudienceError as error:
            found.unreadable.append(str(error))
    return found


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
