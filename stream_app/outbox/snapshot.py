"""Publishing the latest state of every customer again, so that a subscriber can repair lost data.

A worker may publish at the same time, and a compacted topic keeps the *last* record of a customer: an older state that
lands behind a newer one would stay there permanently. When the broker has the whole snapshot, the customers who were
just published are therefore checked again, and those who have moved are published once more, until none has moved. The
last record of each customer is then right: a change that the check did not see was committed after the snapshot's
record was in the topic, and the worker publishes a change after its commit.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, func, select

from data.contract.change_events import EVENT_HEADERS, segment_event, state_headers
from data.contract.change_row import ChangeRow
from data.kafka.record_writer import RecordWriter
from data.postgres import erasures, model_registry
from data.postgres.tables import customers, segment_changes, stream_progress
from runtime.brokers import Brokers

_PAGE = 5_000

_latest = (
    select(
        *(segment_changes.c[name] for name in ChangeRow._fields),
        func.coalesce(stream_progress.c.log_id, "").label("log_id"),
    )
    .join(
        customers,
        (customers.c.customer_id == segment_changes.c.customer_id)
        & (customers.c.sequence == segment_changes.c.sequence),
    )
    .outerjoin(stream_progress, stream_progress.c.partition == customers.c.partition)
    .order_by(segment_changes.c.customer_id)
)


class _State(NamedTuple):
    """The change that led to a customer's latest state, and the log that the customer's partition reads."""

    row: ChangeRow
    log_id: str


def publish_snapshot(engine: Engine, brokers: Brokers, topic: str) -> int:
    """Publish the latest state of all customers who are in a segment; returns the number of customers.

    Raises
    ------
    WriteError
        If the broker refuses a record.
    """
    writer = _Writer(engine, brokers, topic)
    published = writer.write(_all_customers(engine))
    count = len(published)
    while published:
        writer.erase(_forgotten(engine, published))
        published = writer.write(_some_customers(engine, _moved(engine, published)))
    return count


class _Writer:
    """A producer for snapshots, configured like every producer."""

    def __init__(self, engine: Engine, brokers: Brokers, topic: str) -> None:
        self._writer = RecordWriter(brokers)
        self._topic = topic
        self._personas = model_registry.personas(engine)

    def write(self, states: Iterable[_State]) -> dict[str, int]:
        """Publish states and wait until the broker has them; returns the published sequence by customer id."""
        published = {}
        for row, log_id in states:
            event = segment_event(row, self._personas, snapshot=True)
            self._writer.write(self._topic, event, row.customer_id.encode(), state_headers(row, log_id))
            published[row.customer_id] = row.sequence
        while self._writer.flush():
            pass
        return published

    def erase(self, customers: Iterable[str]) -> None:
        """Publish tombstones, for customers who were forgotten while their state was being published."""
        for customer in customers:
            self._writer.write(self._topic, None, customer.encode(), EVENT_HEADERS)
        while self._writer.flush():
            pass


def _all_customers(engine: Engine) -> Iterator[_State]:
    return _rows(engine, _latest)


def _some_customers(engine: Engine, customer_ids: list[str]) -> Iterator[_State]:
    for start in range(0, len(customer_ids), _PAGE):
        page = customer_ids[start : start + _PAGE]
        yield from _rows(engine, _latest.where(customers.c.customer_id.in_(page)))


def _rows(engine: Engine, query: Select[Any]) -> Iterator[_State]:
    with engine.connect().execution_options(yield_per=_PAGE) as connection:
        for row in connection.execute(query):
            yield _State(ChangeRow.of(row), row.log_id)


def _forgotten(engine: Engine, published: dict[str, int]) -> list[str]:
    """Published customers who are no longer there."""
    with engine.connect() as connection:
        return erasures.read(connection).among(published)


def _moved(engine: Engine, published: dict[str, int]) -> list[str]:
    """Customers whose sequence is greater than the published one."""
    query = select(customers.c.customer_id, customers.c.sequence)
    with engine.connect().execution_options(yield_per=_PAGE) as connection:
        return [
            customer for customer, sequence in connection.execute(query) if sequence > published.get(customer, sequence)
        ]
