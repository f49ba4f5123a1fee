"""What producers write in a history: the log of each partition, decided by a seed, and what each record means.

The meaning goes to the oracle (:mod:`sim.oracle`), which so needs no decoder; the bytes go to the worker.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from data.contract import control
from data.contract.wire import Erasure, Kind, ModelActivation, Tick, Transaction
from data.kafka.partitioner import partition_of
from models.segment_model import SegmentModel
from models.units import to_micros
from sim.kafka.log import Headers, ProducedContent
from sim.meanings import Bad, Forget, KnownRecord, Meaning, NewModel, Order, TickAt
from sim.models import MODELS
from sim.models import drawn as drawn_models
from sim.shape import Shape
from sim.shape import drawn as drawn_shape

TOPIC = "transactions"
PARTITIONS = 2
CURRENCY = "GBP"
#: How the ids of transactions begin that Postgres refuses.
POISON = "POISON"
START = datetime(2020, 1, 1, 9, 30, tzinfo=UTC)
_CONTROL_KEY = b"k" * 32

Mode = Literal["plain", "committed", "aborted"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Records that come together at a moment; in a Kafka transaction, it ends at ``ends_at``."""

    at: float
    partition: int
    entries: tuple[KnownRecord, ...]
    mode: Mode = "plain"
    ends_at: float = 0.0


@dataclass(slots=True)
class Workload:
    """Everything that producers do. The champion, one of the models, is registered before the first worker starts."""

    champion: SegmentModel | None
    control_keys: tuple[bytes, ...]
    shape: Shape
    models: tuple[SegmentModel, ...] = MODELS
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def ends_at(self) -> float:
        """When the last record is visible."""
        return max((max(arrival.at, arrival.ends_at) for arrival in self.arrivals), default=0.0)


class _Writer:
    """Draws records one after another; ``days`` is how far event time has got."""

    def __init__(self, chance: random.Random, workload: Workload) -> None:
        self._chance, self._workload = chance, workload
        self._days = 0.0
        self._millis = int(START.timestamp() * 1_000)
        self._at = 0.1
        self._sent: list[tuple[int, KnownRecord]] = []
        self._orders: dict[str, Order] = {}
        self._models: list[tuple[KnownRecord, ...]] = []
        self._number = 0
        self._pending: list[list[KnownRecord]] = [[] for _ in range(PARTITIONS)]
        self._shape = workload.shape
        self._customers = [f"c{number}" for number in range(self._shape.customers)]

    # -- what a record can be -----------------------------------------------------------------------------------------

    def draw(self) -> None:
        """One more record, or one in each partition."""
        chance = self._chance
        kinds = {
            self._order: 30,
            self._again: 8,
            self._other_content: 3,
            self._revision: 7,
            self._tick: 14,
            self._bad: 5,
            self._future: 2,
            self._model: 4,
            self._erasure: 2,
            self._misrouted: 1,
            self._poison: 2,
            self._unsigned: 4 if self._workload.control_keys else 0,
        }
        chance.choices(list(kinds), list(kinds.values()))[0]()

    def _order(self) -> None:
        chance = self._chance
        self._days += chance.choice((0.0, 0.02, 0.3, 1.1, 2.9))
        late = chance.choice((0.0, 0.0, 0.0, 0.01, 1.3, 9.7))
        kind: Kind = chance.choices(("sale", "return", "cancelled"), (8, 2, 0.4))[0]
        is_new = chance.random() < self._shape.newcomers
        order = Order(
            f"T{len(self._orders)}",
            f"n{len(self._orders)}" if is_new else chance.choice(self._customers),
            self._micros(self._days - late),
            kind,
            chance.randint(1, 90_000) * 100,
            0,
            chance.choice(("France", "Norway")),
        )
        self._orders[order.transaction] = order
        self._send_order(order)

    def crowd(self) -> None:
        """A crowd buys at nearly one moment. One tick makes all of them decay, often behind more orders in its list."""
        chance = self._chance
        crowd = [f"crowd{number}" for number in range(self._shape.crowd)]
        apart = (0.0, 0.0, 0.01, 1.0) if chance.random() < 0.3 else (0.0,)
        for customer in crowd:
            self._buy(customer, self._days - chance.choice(apart))
        for partition in range(PARTITIONS):
            self.flush(partition)
        # Postgres may be set back to a copy from in between.
        self._at += chance.choice((0.0, 0.4))
        for customer in self._customers if chance.random() < 0.5 else ():
            self._buy(customer, self._days)
        self._days += chance.choice((11, 30))
        moment = START + timedelta(days=self._days)
        self._control(msgspec.json.encode(Tick(moment)), TickAt(to_micros(moment)))

    def _buy(self, customer: str, days: float) -> None:
        """An order that waits for others in its list."""
        order = Order(f"T{len(self._orders)}", customer, self._micros(days), "sale", 100_000, 0, "France")
        self._orders[order.transaction] = order
        self._pending[partition_of(customer, PARTITIONS)].append(KnownRecord(self._order_content(order), order))

    def _again(self) -> None:
        if self._sent:
            partition, entry = self._chance.choice(self._sent)
            if isinstance(entry.meaning, Order):
                self._put(partition, self._stamped(entry))

    def _other_content(self) -> None:
        if self._orders:
            order = self._chance.choice(list(self._orders.values()))
            self._send_order(replace(order, amount=order.amount + 100))

    def _revision(self) -> None:
        if not self._orders:
            return
        chance = self._chance
        order = chance.choice(list(self._orders.values()))
        kind: Kind = chance.choices(("sale", "return", "cancelled"), (4, 1, 4))[0]
        moved = order.occurred_at - chance.choice((0, 0, 86_400_000_000 * 2))
        revised = replace(
            order,
            kind=kind,
            amount=chance.randint(1, 90_000) * 100,
            occurred_at=moved,
            revision=order.revision + chance.choice((1, 1, 2)),
        )
        self._orders[order.transaction] = revised
        self._send_order(revised)

    def _tick(self) -> None:
        self._days += self._chance.choice((0.0, 0.4, 1.0, 1.0, 3.0, 8.0, 11.0, 22.0, 50.0))
        moment = START + timedelta(days=self._days - self._chance.choice((0, 0, 0, 5)))
        self._control(msgspec.json.encode(Tick(moment)), TickAt(to_micros(moment)))

    def _model(self) -> None:
        model = self._chance.choice(self._workload.models)
        self._number += 1
        number = self._number
        self._models.append(self._control(msgspec.json.encode(ModelActivation(model)), NewModel(model, number), number))

    def _erasure(self) -> None:
        customer = self._chance.choice(self._customers)
        value = msgspec.json.encode(Erasure(customer))
        partition = partition_of(customer, PARTITIONS)
        headers = self._signed(partition, value, 1)
        self._put(partition, KnownRecord(self._content(customer.encode(), value, headers), Forget(customer)))

    def _bad(self) -> None:
        chance = self._chance
        customer = chance.choice(self._customers)
        good = Transaction(f"X{chance.randrange(9)}", customer, START, "sale", "5", CURRENCY, "France", [])
        value, key = msgspec.json.encode(good), customer.encode()
        which = chance.randrange(9)
        if which == 0:
            value = b"{" + value
        elif which == 1:
            value = value.replace(b'"GBP"', b'"EUR"')
        elif which == 2:
            value = value.replace(b'"5"', b'"5,00"')
        elif which == 3:
            value = b"[" * 3_000
        elif which == 4:
            value = value.replace(b'"sale"', b'"gift"')
        elif which == 6:
            value = value.replace(b"2020-01-01", b"1969-12-31")
        elif which == 7:
            value = value.replace(f'"{customer}"'.encode(), b'"nobody"')
        elif which == 8:
            key = b"nobody"
        partition = partition_of(customer, PARTITIONS)
        content = self._content(key, None if which == 5 else value)
        self._put(partition, KnownRecord(content, Bad(customer)))

    def _future(self) -> None:
        moment = START + timedelta(days=self._days + self._chance.choice((1.5, 400.0)))
        if self._chance.random() < 0.5:
            self._control(msgspec.json.encode(Tick(moment)), Bad())
            return
        customer = self._chance.choice(self._customers)
        value = msgspec.json.encode(Transaction("F1", customer, moment, "sale", "5", CURRENCY, "France", []))
        self._put(
            partition_of(customer, PARTITIONS), KnownRecord(self._content(customer.encode(), value), Bad(customer))
        )

    def _misrouted(self) -> None:
        # An erasure would delete its dead letter or not, depending on which partition is faster.
        customer = f"guest{self._chance.randrange(3)}"
        order = Order(f"M{len(self._sent)}", customer, self._micros(self._days), "sale", 100, 0, "France")
        partition = 1 - partition_of(customer, PARTITIONS)
        if self._chance.random() < 0.3:
            value = msgspec.json.encode(Erasure(customer))
            content = self._content(customer.encode(), value, self._signed(partition, value, 1))
            self._put(partition, KnownRecord(content, Bad(customer)))
            return
        self._put(partition, KnownRecord(self._order_content(order), Bad(customer)))

    def _poison(self) -> None:
        # A trigger of the simulated database refuses it.
        customer = self._chance.choice(self._customers)
        order = Order(f"{POISON}{len(self._sent)}", customer, self._micros(self._days), "sale", 100, 0, "France")
        self._put(partition_of(customer, PARTITIONS), KnownRecord(self._order_content(order), Bad(customer)))

    def _unsigned(self) -> None:
        chance = self._chance
        partition = chance.randrange(PARTITIONS)
        which = chance.randrange(3)
        if which == 0 and self._models:
            # A copy of an older model, whose signature is right.
            copy = chance.choice(self._models)[partition]
            again = self._content(copy.content.key, copy.content.value, copy.content.headers)
            self._put(partition, KnownRecord(again, copy.meaning))
            return
        value = msgspec.json.encode(Tick(START + timedelta(days=self._days + 0.5)))
        headers: Headers = ()
        if which == 1:
            headers = tuple(control.signed(b"x" * 32, TOPIC, partition, 1, value))
        self._put(partition, KnownRecord(self._content(None, value, headers), Bad()))

    # -- how it is sent -----------------------------------------------------------------------------------------------

    def _send_order(self, order: Order) -> None:
        self._put(partition_of(order.customer, PARTITIONS), KnownRecord(self._order_content(order), order))

    def _order_content(self, order: Order) -> ProducedContent:
        whole, part = divmod(order.amount, 10_000)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=order.occurred_at)
        message = Transaction(
            order.transaction,
            order.customer,
            moment,
            order.kind,
            f"{whole}.{part:04}",
            CURRENCY,
            order.country,
            [],
            order.revision,
        )
        return self._content(order.customer.encode(), msgspec.json.encode(message))

    def _control(self, value: bytes, meaning: Meaning, number: int = 1) -> tuple[KnownRecord, ...]:
        entries = []
        for partition in range(PARTITIONS):
            entry = KnownRecord(self._content(None, value, self._signed(partition, value, number)), meaning)
            entries.append(entry)
            self._put(partition, entry)
        return tuple(entries)

    def _signed(self, partition: int, value: bytes, number: int) -> Headers:
        keys = self._workload.control_keys
        return tuple(control.signed(keys[0], TOPIC, partition, number, value)) if keys else ()

    def _content(self, key: bytes | None, value: bytes | None, headers: Headers = ()) -> ProducedContent:
        # Each record has a timestamp of its own, and none is before the event time of its writer.
        self._millis = max(self._millis + 1, int(START.timestamp() * 1_000 + self._days * 86_400_000))
        return ProducedContent(key, value, self._millis, headers)

    def _stamped(self, entry: KnownRecord) -> KnownRecord:
        return KnownRecord(self._content(entry.content.key, entry.content.value, entry.content.headers), entry.meaning)

    def _micros(self, days: float) -> int:
        return to_micros(START + timedelta(days=days))

    def _put(self, partition: int, entry: KnownRecord) -> None:
        self._sent.append((partition, entry))
        self._pending[partition].append(entry)
        if self._chance.random() < self._shape.alone:
            self.flush(partition)

    def flush(self, partition: int) -> None:
        """Let the records of a partition that wait arrive."""
        entries = tuple(self._pending[partition])
        if not entries:
            return
        self._pending[partition].clear()
        chance = self._chance
        self._at += chance.choice(self._shape.gaps)
        mode: Mode = chance.choices(("plain", "committed", "aborted"), (7, 2, 1))[0]
        if mode == "aborted":
            # What an aborted transaction holds is sent again, as a producer does.
            self._arrive(partition, entries, "aborted")
            mode = "plain"
        self._arrive(partition, entries, mode)

    def _arrive(self, partition: int, entries: tuple[KnownRecord, ...], mode: Mode) -> None:
        ends_at = (
            self._at
            if mode == "plain"
            else self._at + self._chance.choice((0.0, 0.05, 0.5)) + self._chance.random() / 500
        )
        self._workload.arrivals.append(Arrival(self._at, partition, entries, mode, ends_at))
        self._at += 0.002


def drawn(seed: int) -> Workload:
    """The workload of a seed."""
    chance = random.Random(f"workload {seed}")
    signed = chance.random() < 0.4
    models = drawn_models(random.Random(f"models {seed}"))
    workload = Workload(
        champion=models[0] if chance.random() < 0.8 else None,
        control_keys=(_CONTROL_KEY,) if signed else (),
        shape=drawn_shape(chance),
        models=models,
    )
    writer = _Writer(chance, workload)
    if workload.champion is None and chance.random() < 0.3:
        writer._model()
    shape = workload.shape
    for number in range(shape.records + 1):
        if shape.crowd and number == shape.crowd_after:
            writer.crowd()
        if number < shape.records:
            writer.draw()
    for partition in range(PARTITIONS):
        writer.flush(partition)
    return workload
