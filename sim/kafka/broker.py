"""The simulated broker: topics, and the coordinator of Kafka transactions with its fencing.

The methods are what the broker does with one request, at once. :mod:`sim.kafka.network` delivers requests.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError

from sim.kafka.log import ProducedContent, SimulatedLog
from sim.world import World, outside

Place = tuple[str, int]
"""A topic and a partition."""

OK = 0
CONCURRENT = KafkaError.CONCURRENT_TRANSACTIONS
INVALID_STATE = KafkaError.INVALID_TXN_STATE
FENCED = KafkaError.INVALID_PRODUCER_EPOCH
OUT_OF_ORDER = KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER

_TIMEOUT_SECONDS = 30.0


@dataclass(slots=True)
class Coordinated:
    """What the coordinator knows of a transactional id."""

    producer_id: int
    epoch: int
    state: str = "empty"
    places: list[Place] = field(default_factory=list)
    missing: int = 0
    serial: int = 0


class Broker:
    """Topics in memory. ``base_millis`` is the time of the first moment of the history.

    ``on_visible`` is called with the place of each batch and each transaction marker that is written.
    """

    def __init__(self, world: World, base_millis: int) -> None:
        self._world = world
        self.base_millis = base_millis
        self.logs: dict[Place, SimulatedLog] = {}
        self.topic_ids: dict[str, str] = {}
        self._coordinated: dict[str, Coordinated] = {}
        self._sequences: dict[tuple[Place, int], int] = {}
        self._producers = 0
        self._late: list[list[Any]] = []
        self._readers: list[asyncio.Future[None]] = []
        self.on_visible: Callable[[Place], None] = lambda _: None
        self.outside: Context = outside()

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic, or create it again without its records."""
        self.topic_ids[topic] = f"{topic}-{len(self.topic_ids)}-{self._world.loop.next_number()}"
        for partition in range(partitions):
            self.logs[topic, partition] = SimulatedLog()

    def delete(self, topic: str, partitions: int) -> None:
        """Delete a topic; nobody may write to it until it is created again."""
        del self.topic_ids[topic]
        for partition in range(partitions):
            self.logs[topic, partition] = SimulatedLog()

    @property
    def is_away(self) -> bool:
        """Whether the broker answers nobody."""
        return self._world.now < self._world.broker_away_until

    @property
    def millis(self) -> int:
        """The broker's clock."""
        return self.base_millis + int(self._world.now * 1_000)

    def new_producer_id(self) -> int:
        """The id of an idempotent producer."""
        self._producers += 1
        return self._producers

    # -- requests -----------------------------------------------------------------------------------------------------

    def initialise(self, name: str) -> tuple[int, int, int]:
        """InitProducerId: the error, the producer id and its new epoch, which fences all former ones."""
        known = self._coordinated.get(name)
        if known is None:
            known = self._coordinated[name] = Coordinated(self.new_producer_id(), 0)
            return OK, known.producer_id, known.epoch
        if known.state == "ongoing":
            known.epoch += 1
            self._world.trace(f"broker: the open transaction of {name} is aborted by another writer")
            self._world.reach("an open Kafka transaction was fenced")
            self._prepare(name, known, commit=False)
        if known.state.startswith("prepare"):
            return CONCURRENT, -1, -1
        known.epoch += 1
        known.state = "empty"
        self._world.trace(f"broker: {name} has epoch {known.epoch}")
        return OK, known.producer_id, known.epoch

    def add_partition(self, name: str, epoch: int, place: Place) -> int:
        """AddPartitionsToTxn, which begins a Kafka transaction."""
        known = self._coordinated[name]
        if epoch != known.epoch:
            return FENCED
        if known.state.startswith("prepare"):
            return CONCURRENT
        if known.state != "ongoing":
            known.state, known.places = "ongoing", []
            known.serial += 1
            self._world.loop.call_later(_TIMEOUT_SECONDS, self._time_out, name, known.serial, context=self.outside)
        if place not in known.places:
            known.places.append(place)
        return OK

    def produce(
        self,
        place: Place,
        producer_id: int,
        sequence: int,
        contents: Sequence[ProducedContent],
        name: str = "",
        epoch: int = 0,
    ) -> int:
        """Produce: one batch of an idempotent producer, in its Kafka transaction if it has a transactional ``name``."""
        if name:
            known = self._coordinated[name]
            if epoch != known.epoch:
                return FENCED
            if known.state != "ongoing" or place not in known.places:
                # What transaction.partition.verification.enable is for.
                return INVALID_STATE
        expected = self._sequences.get((place, producer_id * 1_000 + epoch), 0)
        if sequence < expected:
            return OK
        if sequence > expected:
            return OUT_OF_ORDER
        self._sequences[place, producer_id * 1_000 + epoch] = sequence + len(contents)
        self.append(place, contents, producer_id, bool(name))
        return OK

    def end(self, name: str, epoch: int, commit: bool) -> int:
        """EndTxn: commit or abort. The broker can't tell a late request from that of the next transaction."""
        known = self._coordinated[name]
        if epoch != known.epoch:
            return FENCED
        if known.state == "ongoing":
            self._prepare(name, known, commit)
            return OK
        if known.state.startswith("prepare"):
            return CONCURRENT if known.state == _prepared(commit) else INVALID_STATE
        return OK if known.state == _completed(commit) else INVALID_STATE

    def arrive_late(self, requests: int, arrive: Callable[[], None]) -> None:
        """Let a request arrive just before the one that comes this many later."""
        self._late.append([requests, arrive])

    def let_late_arrive(self) -> None:
        """A request arrives, and before it the late ones whose turn it is."""
        for entry in list(self._late):
            entry[0] -= 1
            if entry[0] < 0:
                self._late.remove(entry)
                entry[1]()

    # -- transactions -------------------------------------------------------------------------------------------------

    def _prepare(self, name: str, known: Coordinated, commit: bool) -> None:
        world = self._world
        known.state, known.missing = _prepared(commit), len(known.places)
        for place in known.places:
            # A relay looks for a hanging transaction in the change topic only.
            fault = world.faults.strike("marker" if place[0] == "changes" else "other marker", world.now)
            delay = world.latency()
            if fault is not None:
                world.trace(f"{fault.kind}: {place[0]}-{place[1]}", shown=True)
                delay += fault.seconds
            forgotten = fault is not None and fault.kind == "hanging transaction"
            world.loop.call_later(delay, self._mark, name, known, place, commit, forgotten, context=self.outside)

    def _mark(self, name: str, known: Coordinated, place: Place, commit: bool, forgotten: bool) -> None:
        known.missing -= 1
        if not known.missing:
            known.state = _completed(commit)
        if forgotten:
            self._world.reach("a Kafka transaction hangs")
            return
        log = self.logs[place]
        log.mark(known.producer_id, commit, self.millis)
        self._world.trace(f"broker: {'commit' if commit else 'abort'} marker of {name} in {place[0]}-{place[1]}")
        if not commit:
            self._world.reach("a Kafka transaction was aborted")
        self._notify(place)

    def _time_out(self, name: str, serial: int) -> None:
        known = self._coordinated[name]
        if known.state == "ongoing" and known.serial == serial:
            known.epoch += 1
            self._prepare(name, known, commit=False)

    @property
    def settled(self) -> bool:
        """Whether no transaction marker is on its way."""
        return not any(known.state.startswith("prepare") for known in self._coordinated.values())

    # -- logs ---------------------------------------------------------------------------------------------------------

    def append(
        self, place: Place, contents: Sequence[ProducedContent], producer_id: int = -1, transactional: bool = False
    ) -> None:
        """Write a batch."""
        self.logs[place].append(contents, producer_id, transactional)
        self._notify(place)

    def mark(self, place: Place, producer_id: int, commit: bool) -> None:
        """Write a transaction marker for a producer that has no simulated coordinator."""
        self.logs[place].mark(producer_id, commit, self.millis)
        self._notify(place)

    def _notify(self, place: Place) -> None:
        self.on_visible(place)
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    async def wait_for_data(self, seconds: float) -> None:
        """Wait until something is written anywhere, or for this many seconds."""
        future = self._world.loop.create_future()
        self._readers.append(future)
        timer = self._world.loop.call_later(seconds, _resolve, future)
        await future
        timer.cancel()


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _prepared(commit: bool) -> str:
    return "prepare commit" if commit else "prepare abort"


def _completed(commit: bool) -> str:
    return "complete commit" if commit else "complete abort"
