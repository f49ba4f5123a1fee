"""What a run leaves behind, in a form that two runs can be compared in, and that nothing but the input may decide."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from data.postgres.tables import customers, segment_changes, transactions

Rows = dict[tuple[Any, ...], dict[str, Any]]
Events = dict[str, list[dict[str, Any]]]

# Where a change stands in a partition's outbox is the one thing that batches may decide.
_OUTBOX = {"position"}


@dataclass(frozen=True, slots=True)
class History:
    """What a subscriber to the change topic ends up with.

    ``changes`` are those of each customer that the subscriber keeps, who drops whatever is not greater than the last
    sequence seen; ``repeats`` counts those dropped, ``gaps`` those that came before the one that they follow.
    """

    changes: Events
    repeats: int
    gaps: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Profiles, ledger and changes in Postgres by primary key, and the history in the change topic."""

    rows: dict[str, Rows]
    history: History

    def differences(self, other: "Outcome") -> int:
        """How many rows and events one has and the other has not, or otherwise."""
        ours, theirs = self.history.changes, other.history.changes
        unequal = sum(ours.get(customer) != theirs.get(customer) for customer in ours.keys() | theirs.keys())
        for table, rows in self.rows.items():
            unequal += sum(
                rows.get(key) != other.rows[table].get(key) for key in rows.keys() | other.rows[table].keys()
            )
        return unequal + self.history.gaps + other.history.gaps


def stored(postgres: Engine) -> dict[str, Rows]:
    """Every row of profiles, ledger and changes by primary key, but for what batches may decide."""
    result: dict[str, Rows] = {}
    for table in (customers, transactions, segment_changes):
        columns = [column for column in table.c if column.name not in _OUTBOX]
        keys = [column.name for column in table.primary_key]
        with postgres.connect() as connection:
            rows = connection.execute(select(*columns)).mappings().all()
        result[table.name] = {tuple(row[key] for key in keys): dict(row) for row in rows}
    return result


def subscribed(events: Iterable[bytes]) -> History:
    """What comes of a change topic."""
    return history(msgspec.json.decode(event)["data"] for event in events)


def history(read: Iterable[dict[str, Any]]) -> History:
    """What comes of changes as they are read."""
    changes: Events = {}
    repeats = gaps = 0
    for change in read:
        own = changes.setdefault(change["customer_id"], [])
        if change["sequence"] <= len(own):
            repeats += 1
            continue
        gaps += change["sequence"] > len(own) + 1
        own.append(change)
    return History(changes, repeats, gaps)
