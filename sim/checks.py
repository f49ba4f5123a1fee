"""What must be true of a history: while it runs, and when everything has drained."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from data.kafka.log_id import base_id
from sim.kafka.broker import Broker, Place
from sim.oracle import Change, Outcome, Profile, Stored
from sim.postgres.server import PostgresServer
from sim.world import World

_MICROS = "(extract(epoch FROM {}) * 1000000)::int8"


def _micros(column: str) -> str:
    return _MICROS.format(column)


_PROFILES = f"""
SELECT customer_id, country, {_micros("first_purchase_at")}, {_micros("last_purchase_at")},
  {_micros("last_event_at")}, frequency, (gross * 10000)::int8, (returned * 10000)::int8, segment,
  {_micros("segment_since")}, sequence, model_version, {_micros("next_change_at")}, next_segment
FROM customers WHERE partition = %s ORDER BY customer_id
"""
_CHANGES = f"""
SELECT customer_id, sequence, from_segment, to_segment, cause, {_micros("effective_at")}, recency_days, frequency,
  (gross * 10000)::int8, (returned * 10000)::int8, model_version, transaction_id
FROM segment_changes WHERE partition = %s ORDER BY customer_id, sequence
"""
_LEDGER = f"""
SELECT customer_id, transaction_id, {_micros("occurred_at")}, kind, (amount * 10000)::int8, revision
FROM transactions ORDER BY customer_id, transaction_id
"""
_LETTERS = 'SELECT log_id, "offset", reason, key, value FROM dead_letters WHERE partition = %s ORDER BY 1, 2'
_PROGRESS = f"""
SELECT partition, log_id, next_offset, epoch, {_micros("event_time")}, model_version, change_position,
  published_position FROM stream_progress ORDER BY partition
"""
_UNSETTLED = """
SELECT (SELECT count(*) FROM customers JOIN stream_progress USING (partition)
        WHERE customers.model_version IS DISTINCT FROM stream_progress.model_version),
       (SELECT count(*) FROM dead_letters WHERE NOT published),
       (SELECT count(*) FROM erasures WHERE customer_id IS NOT NULL)
"""


class TopicWatch:
    """Follows both topics as readers of committed records do, and compares them at every step."""

    def __init__(self, world: World, broker: Broker, changes: str, segments: str) -> None:
        self._world, self._broker = world, broker
        self._topics = (changes, segments)
        self._positions: dict[Place, int] = {}
        self.changes: dict[int, list[dict[str, Any]]] = {}
        self._changed: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self.states: dict[str, int | None] = {}
        broker.on_visible = self._look

    def _look(self, place: Place) -> None:
        topic, partition = place
        if topic not in self._topics:
            return
        changes, segments = ((each, partition) for each in self._topics)
        self._read_changes(changes)
        self._read_states(segments)
        # Markers of one Kafka transaction are written one after the other.
        logs = self._broker.logs
        open_ = any(logs[each].stable_end < logs[each].end for each in (changes, segments))
        if open_ or not self._broker.settled:
            return
        for customer, sequence in self._changed.items():
            state = self.states.get(customer, 0)
            if state is not None and state < sequence:
                self._world.problem(
                    f"the latest state of {customer} is that of change {state}, but the topic has change {sequence}"
                )
        self._changed.clear()

    def _read(self, place: Place) -> Iterable[tuple[str, dict[str, Any] | None]]:
        records, self._positions[place] = self._broker.logs[place].committed(self._positions.get(place, 0))
        for record in records:
            data = None if record.value is None else msgspec.json.decode(record.value)["data"]
            yield (record.key or b"").decode(), data

    def _read_changes(self, place: Place) -> None:
        for customer, data in self._read(place):
            assert data is not None  # noqa: S101 - a change has a value
            self.changes.setdefault(place[1], []).append(data)
            before = self._last.get(customer, 0)
            if data["sequence"] != before + 1:
                self._world.problem(f"the change topic has change {data['sequence']} of {customer} after {before}")
            self._last[customer] = data["sequence"]
            self._changed[customer] = max(self._changed.get(customer, 0), data["sequence"])

    def _read_states(self, place: Place) -> None:
        for customer, data in self._read(place):
            self.states[customer] = None if data is None else data["sequence"]


def undrained(server: PostgresServer, broker: Broker, topic: str, partitions: int) -> str:
    """What is still to be done; empty if everything has drained."""
    rows = server.rows(_PROGRESS)
    for partition in range(partitions):
        log = broker.logs[topic, partition]
        row = next((row for row in rows if row[0] == partition), None)
        if row is None:
            if log.end:
                return f"partition {partition} was never claimed"
            continue
        if base_id(row[1]) != f"sim/{broker.topic_ids[topic]}":
            return f"partition {partition} still follows {row[1]}"
        if row[2] != log.end:
            return f"partition {partition} is at offset {row[2]} of {log.end}"
        if row[7] != row[6]:
            return f"partition {partition} has published {row[7]} of {row[6]} changes"
    outdated, letters, tombstones = server.rows(_UNSETTLED)[0]
    if outdated:
        return f"{outdated} customers are under an older model"
    if letters:
        return f"{letters} dead letters are not published"
    if tombstones:
        return f"{tombstones} tombstones are not published"
    return ""


def differences(server: PostgresServer, expected: Mapping[int, Outcome], rereads: bool) -> list[str]:
    """Where the tables differ from what the oracle has found.

    ``rereads`` says that a part of the log was read again under another log id: dead letters may then have come again.
    """
    found: list[str] = []
    for partition, outcome in expected.items():
        found += _unlike("profiles", partition, server.rows(_PROFILES, partition), outcome.profiles, Profile)
        found += _unlike("changes", partition, server.rows(_CHANGES, partition), outcome.changes, Change)
        letters = server.rows(_LETTERS, partition)
        if rereads:
            had, wanted = {(row[3], row[4]) for row in letters}, set(outcome.dead_letters.values())
            surplus, missing = (sorted(repr(key) for key, _ in some) for some in (had - wanted, wanted - had))
            found += [f"a dead letter of partition {partition} too many: {key}" for key in surplus]
            found += [f"no dead letter of partition {partition} for {key}" for key in missing]
            continue
        reasons = {row[1]: row[2] for row in letters}
        found += [
            f"a dead letter at {at} of partition {partition} too many: {reason}"
            for at, reason in reasons.items()
            if at not in outcome.dead_letters
        ]
        found += [
            f"no dead letter at {at} of partition {partition}" for at in outcome.dead_letters if at not in reasons
        ]
    ledger = sorted(row for outcome in expected.values() for row in outcome.ledger)
    found += _unlike("ledger", None, server.rows(_LEDGER), ledger, Stored)
    progress = {row[0]: row for row in server.rows(_PROGRESS)}
    for partition, outcome in expected.items():
        row = progress.get(partition)
        if row is not None:
            found += _unlike("watermark and model", partition, [row[4:6]], [(outcome.watermark, outcome.model_version)])
    return found


def _unlike(
    what: str, partition: int | None, found: Sequence[Any], expected: Sequence[Any], kind: Any = None
) -> list[str]:
    mine, theirs = [tuple_of(each) for each in found], [tuple_of(each) for each in expected]
    if mine == theirs:
        return []
    where = "" if partition is None else f" of partition {partition}"
    surplus = [each for each in mine if each not in theirs]
    missing = [each for each in theirs if each not in mine]
    text = f"{what}{where}: "
    if surplus and missing and kind is not None:
        names = [
            f"{name} {was!r} instead of {should!r}"
            for name, was, should in zip(kind._fields, surplus[0], missing[0], strict=True)
            if was != should
        ]
        return [f"{text}{surplus[0][:2]}: {', '.join(names)}"]
    if surplus:
        return [f"{text}{len(surplus)} too many, such as {surplus[0]}"]
    if missing:
        return [f"{text}{len(missing)} missing, such as {missing[0]}"]
    return [f"{text}in another order or number"]


def tuple_of(value: Any) -> Any:
    """A row as a plain tuple."""
    return tuple(value) if isinstance(value, tuple) else value


def topic_differences(watch: TopicWatch, expected: Mapping[int, Outcome]) -> list[str]:
    """Where the topics differ from what the oracle has found."""
    found: list[str] = []
    for partition, outcome in expected.items():
        forgotten = set(outcome.forgotten)
        by_customer: dict[str, list[dict[str, Any]]] = {}
        for data in watch.changes.get(partition, []):
            by_customer.setdefault(data["customer_id"], []).append(data)
        wanted: dict[str, list[Change]] = {}
        for change in outcome.changes:
            wanted.setdefault(change.customer, []).append(change)
        for customer in sorted({*by_customer, *wanted}):
            published = by_customer.get(customer, [])
            sequences = [data["sequence"] for data in published]
            if sequences != list(range(1, len(sequences) + 1)):
                found.append(f"the change topic has the sequences {sequences} of {customer}")
                continue
            if customer in forgotten:
                continue
            changes = wanted.get(customer, [])
            if len(changes) != len(published):
                found.append(f"the change topic has {len(published)} of {len(changes)} changes of {customer}")
                continue
            for data, change in zip(published, changes, strict=True):
                content = (data["to"]["id"], data["cause"], data.get("transaction_id"), data["frequency"])
                if content != (change.to_segment, change.cause, change.transaction, change.frequency):
                    found.append(f"change {change.sequence} of {customer} was published as {content}")
        kept = [customer for customer in sorted(forgotten) if watch.states.get(customer) is not None]
        found += [f"the latest state of {customer}, who is forgotten, is still there" for customer in kept]
        for profile in outcome.profiles:
            if profile.sequence and watch.states.get(profile.customer) != profile.sequence:
                state = watch.states.get(profile.customer)
                found.append(f"the latest state of {profile.customer} is {state} instead of {profile.sequence}")
    return found
