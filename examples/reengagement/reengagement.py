"""Keep a list of high-spending customers who are at risk, in a SQLite file.

This is an example of a service that subscribes to Segue. It needs confluent-kafka and no code of Segue.
docs/subscribing.md explains why it misses no change and applies none twice.
"""

import argparse
import json
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

SCHEMA = """
create table if not exists choice (segment text not null, spent text not null);
create table if not exists offsets (
    topic text not null, partition integer not null, next_offset integer not null, primary key (topic, partition)
);
create table if not exists segments (segment text primary key);
create table if not exists seen (customer_id text primary key, sequence integer not null);
create table if not exists reengagement (
    customer_id text primary key, entered_at text not null, spent text not null, sequence integer not null
);
"""


#: Greater than every sequence number.
FORGOTTEN = 2**62


class Choice(NamedTuple):
    """The condition of the list: customers in ``segment`` who had spent more than ``spent`` when they entered it."""

    segment: str
    spent: Decimal


class State(NamedTuple):
    """The state of a customer, from either topic."""

    customer_id: str
    sequence: int
    segment: str
    since: str
    spent: str
    is_snapshot: bool


#: By type of event: the fields with the segment and with the time at which the customer entered it.
FIELDS = {"segue.segment.changed.v1": ("to", "effective_at"), "segue.customer.segment.v1": ("segment", "since")}


def read(event: bytes) -> State | None:
    """The state in a change or snapshot event; None for other types of events. Unknown fields are ignored."""
    content: dict[str, Any] = json.loads(event)
    if content["type"] not in FIELDS:
        return None
    segment, since = FIELDS[content["type"]]
    data = content["data"]
    return State(
        data["customer_id"],
        data["sequence"],
        data[segment]["id"],
        data[since],
        data["monetary"],
        content.get("snapshot", False),
    )


class Store:
    """The list, the sequence number seen of each customer, and the next offsets, in one file and one transaction."""

    def __init__(self, file: Path | str, choice: Choice) -> None:
        self._choice = choice
        self._sqlite = sqlite3.connect(file, isolation_level="IMMEDIATE", timeout=30)
        self._sqlite.execute("pragma journal_mode = wal")  # readers of the list do not wait for this writer
        self._sqlite.executescript(SCHEMA)
        with self._sqlite:
            if self._sqlite.execute("select 1 from choice").fetchone() is None:
                self._sqlite.execute("insert into choice values (?, ?)", (choice.segment, str(choice.spent)))
        segment, spent = self._sqlite.execute("select segment, spent from choice").fetchone()
        if Choice(segment, Decimal(spent)) != choice:
            raise SystemExit(f"{file} is a list of {segment} over {spent}; use another file for another list")

    def offsets(self) -> dict[tuple[str, int], int]:
        """The next offset by topic and partition; empty in a new file."""
        rows = self._sqlite.execute("select topic, partition, next_offset from offsets")
        return {(topic, partition): offset for topic, partition, offset in rows}

    def unknown_segment(self) -> str | None:
        """A warning if the segment of the list has never occurred although others have; otherwise None."""
        seen = sorted(segment for (segment,) in self._sqlite.execute("select segment from segments"))
        if not seen or self._choice.segment in seen:
            return None
        return f"no customer has entered {self._choice.segment} so far, only {', '.join(seen)}: check the segment id"

    def save(self, states: list[State], offsets: dict[tuple[str, int], int], forgotten: Iterable[str] = ()) -> None:
        """Save the effect of the states, of tombstones and the next offsets in one transaction."""
        with self._sqlite:
            for state in states:
                self._apply(state)
            for customer_id in forgotten:
                # Older changes may still come from the other topic: no sequence number of the customer counts any more.
                self._sqlite.execute("insert or replace into seen values (?, ?)", (customer_id, FORGOTTEN))
                self._sqlite.execute("delete from reengagement where customer_id = ?", (customer_id,))
            segments = {(state.segment,) for state in states}
            self._sqlite.executemany("insert or ignore into segments values (?)", sorted(segments))
            self._sqlite.executemany(
                "insert into offsets values (?, ?, ?) on conflict do update set next_offset = excluded.next_offset",
                [(*place, offset) for place, offset in offsets.items()],
            )

    def _apply(self, state: State) -> None:
        seen = self._sqlite.execute("select sequence from seen where customer_id = ?", (state.customer_id,)).fetchone()
        known = 0 if seen is None else seen[0]
        # An older or equal sequence number is a repeat; a snapshot of the current state is applied to repair the row.
        if state.sequence < known or (state.sequence == known and not state.is_snapshot):
            return
        self._sqlite.execute("insert or replace into seen values (?, ?)", (state.customer_id, state.sequence))
        if state.segment == self._choice.segment and Decimal(state.spent) > self._choice.spent:
            row = (state.customer_id, state.since, state.spent, state.sequence)
            self._sqlite.execute("insert or replace into reengagement values (?, ?, ?, ?)", row)
        else:
            self._sqlite.execute("delete from reengagement where customer_id = ?", (state.customer_id,))


def beginning(consumer: Consumer, changes: str, states: str) -> dict[tuple[str, int], int]:
    """The first offsets of a new file: the beginning of the snapshot topic, and the current end of the change topic."""
    places = {}
    for topic, end in ((changes, 1), (states, 0)):
        for partition in _partitions(consumer, topic):
            place = TopicPartition(topic, partition)
            places[topic, partition] = _answer(partial(consumer.get_watermark_offsets, place, timeout=2))[end]
    return places


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    """The partitions of a topic; waits until the topic exists."""
    while True:
        found = _answer(partial(consumer.list_topics, timeout=2)).topics.get(topic)
        if found is not None and found.partitions:
            return sorted(found.partitions)
        time.sleep(0.5)


def _answer(ask: Callable[[], Any]) -> Any:
    """The result of a request to a broker; waits until a broker answers."""
    warned = False
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not warned:
                sys.stderr.write(f"no broker answers ({error.args[0].str()}); waiting\n")
            warned = True
            time.sleep(0.5)


def subscribe(consumer: Consumer, store: Store, changes: str, states: str, batch: int) -> None:
    """Keep the list up to date until the process gets SIGTERM or SIGINT."""
    if not store.offsets():
        store.save([], beginning(consumer, changes, states))
    consumer.assign([TopicPartition(*place, offset) for place, offset in store.offsets().items()])
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    signal.signal(signal.SIGINT, lambda number, frame: stopping.append(number))
    warned = False
    while not stopping:
        messages: list[Any] = [message for message in consumer.consume(batch, timeout=0.2) if not _is_error(message)]
        if not messages and not warned and (warning := store.unknown_segment()):
            warned = True
            sys.stderr.write(f"{warning}\n")
        if messages:
            offsets = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
            found = [state for m in messages if (value := m.value()) is not None and (state := read(value))]
            store.save(found, offsets, [m.key().decode() for m in messages if m.value() is None])


def _is_error(message: Any) -> bool:
    error = message.error()
    if error is not None:
        if error.fatal():
            raise KafkaException(error)
        sys.stderr.write(f"{error.str()}; continuing\n")
    return error is not None


def main() -> None:
    """Read the command line and subscribe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    parser.add_argument("--file", type=Path, default=Path("reengagement.sqlite"), help="SQLite file of the list")
    parser.add_argument("--segment", default="hibernating", help="id of the segment, as the model has it")
    parser.add_argument("--spent", type=Decimal, default=Decimal(1000), help="list customers who had spent more")
    parser.add_argument("--changes-topic", default="segue.segment-changes.v1")
    parser.add_argument("--segments-topic", default="segue.customer-segments.v1")
    parser.add_argument("--batch", type=int, default=500, help="maximum number of records in a transaction")
    given = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": given.bootstrap_servers,
            "group.id": "reengagement",  # required but unused: the offsets are in the file
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 2,  # no line for every failed connection attempt
        }
    )
    store = Store(given.file, Choice(given.segment, given.spent))
    try:
        subscribe(consumer, store, given.changes_topic, given.segments_topic, given.batch)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
