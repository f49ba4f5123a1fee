"""How long it takes from producing an invoice until a reader of committed records has its change."""

import time
from collections.abc import Iterator

import msgspec
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from benchmarks.compare.contenders import Contender
from benchmarks.compare.results import Latency
from benchmarks.compare.run import Run, topic
from benchmarks.compare.servers import PARTITIONS, BenchmarkError, Servers
from benchmarks.compare.workload import Message
from data.kafka.partitioner import PARTITIONER

_WARM_UP_RATE = 100
_WARM_UP_SECONDS = 3.0
_POLL_SECONDS = 0.001
# After the last invoice is applied, no change takes longer.
_DRAIN_SECONDS = 2.0


class _Data(msgspec.Struct):
    transaction_id: str | None = None


class _Event(msgspec.Struct):
    transaction_id: str | None = None
    data: _Data | None = None


_event = msgspec.json.Decoder(type=_Event).decode
_sent_id = msgspec.json.Decoder(type=_Data).decode


class Prober:
    """Produces invoices at a rate and takes the time of their changes, in one thread."""

    def __init__(self, servers: Servers, invoices: str, changes: str) -> None:
        own = {"linger.ms": 0, "partitioner": PARTITIONER, "log_level": 2, "queue.buffering.max.kbytes": 1_000_000}
        self._producer = Producer({**servers.brokers.config, **own})
        reader = {"group.id": "benchmark", "enable.auto.commit": False, "fetch.wait.max.ms": 10, "log_level": 2}
        self._consumer = Consumer({**servers.brokers.config, **reader})
        self._consumer.assign([TopicPartition(changes, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        self._topic = invoices
        self._sent: dict[str, float] = {}
        self.seconds: list[float] = []

    @property
    def sent(self) -> int:
        """How many invoices were sent."""
        return len(self._sent)

    def send(self, invoices: Iterator[Message], rate: int, seconds: float) -> None:
        """Send invoices evenly, and receive changes meanwhile."""
        began, count = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            for _ in range(int(now * rate) - count):
                self._produce(next(invoices))
                count += 1
            self._producer.poll(0)
            self.receive(_POLL_SECONDS)

    def receive(self, seconds: float) -> bool:
        """Receive changes for some time; returns whether there were any."""
        received = self._consumer.consume(1_000, seconds)
        at = time.monotonic()
        for message in received:
            if message.error() is None:
                event = _event(message.value() or b"{}")
                name = (event.data.transaction_id if event.data else event.transaction_id) or ""
                # Decay has no transaction, and the first invoice was sent by somebody else.
                if name in self._sent:
                    self.seconds.append(at - self._sent[name])
        return bool(received)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _produce(self, message: Message) -> None:
        name = _sent_id(message.value).transaction_id or ""
        self._sent[name] = time.monotonic()
        self._producer.produce(self._topic, message.value, (message.customer or "").encode())


def measure(contender: Contender, servers: Servers, invoices: Iterator[Message], rate: int, seconds: float) -> Latency:
    """Send ``rate`` invoices a second for some seconds, after a slow warm-up.

    Raises
    ------
    BenchmarkError
        If no invoice caused a change.
    """
    with topic(servers) as log, Run(contender, servers, log) as run:
        run.start()
        # The first invoice shows that the contender is ready; only then its change topic exists.
        servers.fill(log, [next(invoices)])
        run.wait(lambda: run.applied() > 0)
        prober = Prober(servers, log, run.place.changes)
        try:
            prober.send(invoices, _WARM_UP_RATE, _WARM_UP_SECONDS)
            prober.seconds.clear()
            prober.send(invoices, rate, seconds)
            run.wait(lambda: not prober.receive(_POLL_SECONDS) and run.applied() > prober.sent)
            drained = time.monotonic() + _DRAIN_SECONDS
            while time.monotonic() < drained:
                prober.receive(_POLL_SECONDS)
        finally:
            prober.close()
        run.stop()
    if not prober.seconds:
        raise BenchmarkError(f"{contender.name}: no invoice caused a change within {seconds:g} s: use more seconds")
    p50, p99 = 1_000 * np.percentile(prober.seconds, [50, 99])
    return Latency(contender.name, servers.kind, rate, len(prober.seconds), float(p50), float(p99))
