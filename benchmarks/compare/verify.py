"""Compares what a contender stored and published with the independent computation."""

from collections import Counter
from typing import NamedTuple

import msgspec
import psycopg

from benchmarks.compare.contenders import Contender, Place
from benchmarks.compare.expected import Change, Customer, Expected
from benchmarks.compare.results import Faults
from data.kafka.read_to_end import read_topic

Key = tuple[str, int]


class Events(NamedTuple):
    """How often each change is in the change topic, and when the last one was written, in seconds since 1970."""

    times: Counter[Key]
    last: float


class _Data(msgspec.Struct):
    customer_id: str
    sequence: int


class _Event(msgspec.Struct):
    """An event of Segue has the change inside ``data``; the others publish the change itself."""

    data: _Data | None = None
    customer_id: str = ""
    sequence: int = 0


def events(place: Place) -> Events | None:
    """The events that a reader of committed records sees; None if the broker no longer has all of them."""
    if any(low for low, _ in place.servers.offsets(place.changes)):
        return None
    decode = msgspec.json.Decoder(_Event).decode
    found: Counter[Key] = Counter()
    last = 0.0
    for message in read_topic(place.servers.brokers, place.changes, "benchmark"):
        event = decode(message.value() or b"{}")
        change = event.data or event
        found[change.customer_id, change.sequence] += 1
        last = max(last, message.timestamp()[1] / 1_000)
    return Events(found, last)


def faults(contender: Contender, place: Place, expected: Expected, published: Events | None) -> Faults:
    """What differs from the expected result."""
    with psycopg.connect(place.database) as connection:
        customers = {row[0]: Customer(*row[1:]) for row in connection.execute(contender.tables.customers)}
        changes = {Change(*row) for row in connection.execute(contender.tables.changes)}
    return compared(customers, changes, expected, published)


def compared(
    customers: dict[str, Customer], changes: set[Change], expected: Expected, published: Events | None
) -> Faults:
    """What differs between stored rows and published events, and the expected result."""
    names = customers.keys() | expected.customers.keys()
    sales = [_sales(customers, name) - _sales(expected.customers, name) for name in names]
    wanted = {(change.customer_id, change.sequence) for change in expected.changes}
    return Faults(
        counted_twice=sum(difference for difference in sales if difference > 0),
        lost=-sum(difference for difference in sales if difference < 0),
        customers=sum(customers.get(name) != expected.customers.get(name) for name in names),
        changes_missing=len(expected.changes - changes),
        changes_wrong=len(changes - expected.changes),
        events_missing=None if published is None else len(wanted - published.times.keys()),
        events_repeated=None if published is None else published.times.total() - len(published.times),
    )


def _sales(customers: dict[str, Customer], name: str) -> int:
    return customers[name].frequency if name in customers else 0
