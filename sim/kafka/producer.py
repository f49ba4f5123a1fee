"""A producer with the interface of ``confluent_kafka.Producer``, as far as the worker uses it.

It sends in the background, like librdkafka: records of a Kafka transaction may reach the broker before a flush, in
several requests, and what is unanswered is sent again under the same sequence number or epoch.
"""

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from data.kafka.partitioner import partition_of
from sim.kafka.broker import CONCURRENT, FENCED, INVALID_STATE, OK, Broker, Place
from sim.kafka.log import ProducedContent
from sim.kafka.network import SimulatedRequest
from sim.loop import BlockingCall
from sim.process import PROCESS
from sim.world import World

_LINGER_SECONDS = 0.002
_CONCURRENT_SECONDS = 0.02
_MOST_RECORDS = 5

Report = Callable[[KafkaError | None, Any], None]


@dataclass(frozen=True, slots=True)
class _Queued:
    content: ProducedContent
    report: Report | None


@dataclass(frozen=True, slots=True)
class _Message:
    """A record in a delivery report."""

    _topic: str
    _content: ProducedContent

    def topic(self) -> str:
        return self._topic

    def key(self) -> bytes | None:
        return self._content.key

    def value(self) -> bytes | None:
        return self._content.value


class SimulatedProducer:
    """One client. Its background work runs in the process that created it."""

    def __init__(self, world: World, broker: Broker, partitions: int, config: dict[str, Any]) -> None:
        self._world, self._broker, self._partitions = world, broker, partitions
        self._process = PROCESS.get()
        self._context: Context = copy_context()
        self._name: str = config.get("transactional.id", "")
        self._report: Report | None = config.get("on_delivery")
        self._producer_id = -1 if self._name else broker.new_producer_id()
        self._epoch = 0
        self._queues: dict[Place, deque[_Queued]] = {}
        self._in_flight: dict[Place, list[_Queued]] = {}
        self._sequences: dict[Place, int] = {}
        self._added: set[Place] = set()
        self._requests: list[SimulatedRequest] = []
        self._error: KafkaError | None = None
        self._reports: deque[tuple[Report, KafkaError, _Message]] = deque()
        self._scheduled = False
        self._closed = False
        self._waiting: BlockingCall | None = None
        self._ending: list[int] | None = None
        self._initialising: list[tuple[int, int, int]] | None = None

    # -- the interface of confluent_kafka -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(map(len, self._queues.values())) + sum(map(len, self._in_flight.values()))

    def init_transactions(self, timeout: float) -> None:
        """Fence former producers with this transactional id."""
        deadline = self._world.now + timeout
        while True:
            if self._initialising is None:
                answers: list[tuple[int, int, int]] = []
                self._initialising = answers
                self._request("init", partial(self._broker.initialise, self._name), answers.append)
            if not self._initialising:
                self._wait(deadline)
                continue
            error, producer_id, epoch = self._initialising.pop()
            self._initialising = None
            if error == OK:
                self._producer_id, self._epoch = producer_id, epoch
                return
            self._world.loop.block(_CONCURRENT_SECONDS)
            self._raise_at(deadline)

    def begin_transaction(self) -> None:
        """Begin a Kafka transaction."""
        self._raise_error()
        self._added.clear()
        self._ending = None

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        on_delivery: Report | None = None,
        headers: Any = None,
    ) -> None:
        """Queue a record."""
        self._raise_error()
        at = partition_of((key or b"").decode(errors="replace"), self._partitions) if partition < 0 else partition
        content = ProducedContent(
            key, value, self._broker.millis, tuple((name, _bytes(text)) for name, text in headers or ())
        )
        self._queues.setdefault((topic, at), deque()).append(_Queued(content, on_delivery or self._report))
        self._schedule()

    def poll(self, timeout: float = 0.0) -> int:
        """Serve delivery reports."""
        return self._serve()

    def flush(self, timeout: float = 10.0) -> int:
        """Wait until the broker has all records; returns how many it does not have."""
        deadline = self._world.now + timeout
        while len(self) and self._world.now < deadline and not self._closed:
            self._block(deadline)
        self._serve()
        return len(self)

    def commit_transaction(self, timeout: float) -> None:
        """Commit the Kafka transaction."""
        self._end(timeout, commit=True)

    def abort_transaction(self, timeout: float) -> None:
        """Abort the Kafka transaction."""
        self._end(timeout, commit=False)

    def purge(self) -> None:
        """Drop what is not sent, and wait for no answer any more."""
        self._closed = True
        self._queues.clear()
        self._in_flight.clear()
        for request in self._requests:
            request.give_up()

    # -- in the background --------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._world.loop.call_later(_LINGER_SECONDS, self._send, context=self._context)

    def _send(self) -> None:
        self._scheduled = False
        if self._closed or self._error is not None:
            return
        for place, queue in list(self._queues.items()):
            if not queue or place in self._in_flight:
                continue
            if self._name and place not in self._added:
                self._in_flight[place] = []
                add = partial(self._broker.add_partition, self._name, self._epoch, place)
                self._request("produce", add, partial(self._on_added, place))
                continue
            count = min(len(queue), self._world.chance.randint(1, _MOST_RECORDS))
            sent = [queue.popleft() for _ in range(count)]
            self._in_flight[place] = sent
            sequence = self._sequences.get(place, 0)
            contents = [each.content for each in sent]
            produce = partial(
                self._broker.produce, place, self._producer_id, sequence, contents, self._name, self._epoch
            )
            self._request("produce", produce, partial(self._on_produced, place))

    def _on_added(self, place: Place, error: int) -> None:
        self._in_flight.pop(place, None)
        if error == CONCURRENT:
            self._world.loop.call_later(_CONCURRENT_SECONDS, self._send, context=self._context)
            return
        if error != OK:
            self._fail(error)
        else:
            self._added.add(place)
            self._send()
        self._wake()

    def _on_produced(self, place: Place, error: int) -> None:
        sent = self._in_flight.pop(place, [])
        if error != OK:
            reason = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED if error < 0 else error, "refused (simulated)")
            self._refuse(place, sent, reason)
            # The next batch of a producer that goes on takes the sequence numbers of the refused one.
            if self._name:
                self._fail(error)
        else:
            self._sequences[place] = self._sequences.get(place, 0) + len(sent)
            self._send()
        self._wake()

    def _refuse(self, place: Place, sent: list[_Queued], reason: KafkaError) -> None:
        for each in sent:
            if each.report is not None:
                self._reports.append((each.report, reason, _Message(place[0], each.content)))

    def _fail(self, error: int) -> None:
        """The Kafka transaction can't be committed any more; a fenced producer can do nothing any more."""
        fenced = error == FENCED
        code = KafkaError._FENCED if fenced else max(error, INVALID_STATE)
        self._error = KafkaError(code, "simulated", fatal=fenced, txn_requires_abort=not fenced)
        purged = KafkaError(KafkaError._PURGE_QUEUE, "simulated")
        for place, queue in self._queues.items():
            self._refuse(place, list(queue), purged)
        self._queues.clear()

    def _request(self, place: str, handle: Callable[[], Any], done: Callable[[Any], None]) -> None:
        def answered(answer: Any) -> None:
            if not self._closed:
                done(answer)
                self._wake()

        self._requests = [request for request in self._requests if not request.finished]
        self._requests.append(
            SimulatedRequest(self._world, self._broker, self._process, self._context, place, handle, answered)
        )

    # -- in the calling thread ----------------------------------------------------------------------------------------

    def _end(self, timeout: float, commit: bool) -> None:
        deadline = self._world.now + timeout
        while commit and len(self) and self._error is None:
            self._wait(deadline)
        self._serve()
        if commit or (self._error is not None and self._error.fatal()):
            self._raise_error()
        if not self._added:
            return
        while True:
            if self._ending is None:
                answers: list[int] = []
                self._ending = answers
                self._request("end", partial(self._broker.end, self._name, self._epoch, commit), answers.append)
            if not self._ending:
                self._wait(deadline)
                continue
            error = self._ending.pop()
            self._ending = None
            if error == OK:
                return
            if error == CONCURRENT:
                self._world.loop.block(_CONCURRENT_SECONDS)
                self._raise_at(deadline)
                continue
            self._fail(error)
            self._raise_error()

    def _wait(self, deadline: float) -> None:
        self._raise_at(deadline)
        self._block(deadline)

    def _block(self, deadline: float) -> None:
        self._waiting = self._world.loop.running_call
        self._world.loop.block(max(deadline - self._world.now, 0.0))
        self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._world.loop.wake(self._waiting)

    def _raise_at(self, deadline: float) -> None:
        if self._world.now >= deadline or self._closed:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "simulated", retriable=True))

    def _raise_error(self) -> None:
        if self._error is not None:
            raise KafkaException(self._error)

    def _serve(self) -> int:
        count = len(self._reports)
        while self._reports:
            report, error, message = self._reports.popleft()
            report(error, message)
        return count


def _bytes(text: str | bytes | None) -> bytes:
    return text.encode() if isinstance(text, str) else text or b""
