"""What a run leaves behind, in a form that depends on the input alone, so that two runs can be compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from data.postgres.tables import customers, segment_changes, transactions

Rows = dict[tuple[Any, ...], dict[str, Any]]
Events = dict[str, list[dict[str, Any]]]

# The position in the outbox depends on how records were batched; nothing else may.
_OUTBOX = {"position"}


@dataclass(frozen=True, slots=True)
class SubscriberHistory:
    """What a subscriber to the change topic ends up with, by customer.

    The subscriber keeps ``changes`` in order and drops a change whose sequence is not greater than the last one.
    ``repeats`` counts the dropped changes; ``gaps`` counts changes that arrived before their predecessor.
    """

    changes: Events
    repeats: int
    gaps: int


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """Profiles, ledger and changes in Postgres by primary key, the history in the change topic, and latest states.

    ``states`` has the last record of each customer in the compacted topic.
    """

    rows: dict[str, Rows]
    history: SubscriberHistory
    states: dict[str, dict[str, Any]]

    @property
    def stale(self) -> int:
        """How many customers have a latest state that is not the one of their last change."""
        changes = self.history.changes
        return sum(self.states.get(customer, {}).get("sequence") != len(own) for customer, own in changes.items())

    def differences(self, other: "StoredOutcome") -> int:
        """Return how many rows and events are missing from one of the outcomes, or differ."""
        unequal = _unequal(self.history.changes, other.history.changes) + _unequal(self.states, other.states)
        unequal += sum(_unequal(rows, other.rows[table]) for table, rows in self.rows.items())
        return unequal + sum(each.history.gaps + each.stale for each in (self, other))


def stored(postgres: Engine) -> dict[str, Rows]:
    """Return every row of profiles, ledger and changes by primary key, without the position in the outbox."""
    result: dict[str, Rows] = {}
    for table in (customers, transactions, segment_changes):
        columns = [column for column in table.c if column.name not in _OUTBOX]
        keys = [column.name for column in table.primary_key]
        with postgres.connect() as connection:
            rows = connection.execute(select(*columns)).mappings().all()
        result[table.name] = {tuple(row[key] for key in keys): dict(row) for row in rows}
    return result


def latest(events: Iterable[bytes]) -> dict[str, dict[str, Any]]:
    """Return the last state of each customer in the compacted topic's events."""
    states = (msgspec.json.decode(event)["data"] for event in events)
    return {state["customer_id"]: state for state in states}


def subscribed(events: Iterable[bytes]) -> SubscriberHistory:
    """Return the history that a subscriber builds from a change topic's events."""
    return history(msgspec.json.decode(event)["data"] for event in events)


def history(read: Iterable[dict[str, Any]]) -> SubscriberHistory:
    """Return the history that a subscriber builds from changes in the order of reading."""
    changes: Events = {}
    repeats = gaps = 0
    for change in read:
        own = changes.setdefault(change["customer_id"], [])
        if change["sequence"] <= len(own):
            repeats += 1
            continue
        gaps += change["sequence"] > len(own) + 1
        own.append(change)
    return SubscriberHistory(changes, repeats, gaps)


def _unequal(ours: Mapping[Any, Any], theirs: Mapping[Any, Any]) -> int:
    return sum(ours.get(key) != theirs.get(key) for key in ours.keys() | theirs.keys())
