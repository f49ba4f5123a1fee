"""The simulated broker as the contract of the log tests it."""

import random
from collections.abc import Callable
from typing import Any, TypeVar

from runtime.brokers import Brokers
from runtime.topics import Topics
from sim.faults import Fault, FaultSchedule
from sim.kafka.broker import Broker
from sim.kafka.producer import SimulatedProducer
from sim.kafka.reading import TopicEnd
from sim.loop import SimulatedLoop
from sim.world import World
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.topic_end import read_changes_behind
from stream_app.storage.outbox import ChangeKey

T = TypeVar("T")

TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
_MOMENT = 0.2


class SimulatedKafka:
    """A broker in a world without faults but those that a test asks for."""

    changes, segments = TOPICS.changes, TOPICS.segments

    def __init__(self, seed: int = 1) -> None:
        chance = random.Random(seed)
        self.loop = SimulatedLoop(chance)
        self.world = World(self.loop, chance, FaultSchedule([]))
        self.broker = Broker(self.world, 1_600_000_000_000)
        for topic in (self.changes, self.segments):
            self.broker.create(topic, 1)

    def call(self, function: Callable[[], T]) -> T:
        """Call something that blocks, in virtual time."""

        async def called() -> T:
            result: T = await self.loop.run_in_executor(None, function)
            return result

        return self.loop.run_until_complete(called())

    def producer(self, name: str) -> Any:
        """A producer with a transactional id."""
        return SimulatedProducer(self.world, self.broker, 1, {"transactional.id": name})

    def writer(self) -> ChangeWriter:
        """The worker's own writer."""
        create: Any = lambda config: SimulatedProducer(self.world, self.broker, 1, config)  # noqa: E731
        return ChangeWriter(Brokers("simulated:1"), TOPICS, True, 0, create)

    def committed(self, topic: str, is_open: bool = False) -> list[tuple[bytes | None, bytes | None]]:
        """Keys and values that a reader of committed records gets a moment from now."""
        self.loop.run_until_complete(self.world.pause(_MOMENT))
        records, _ = self.broker.logs[topic, 0].committed(0)
        return [(record.key, record.value) for record in records]

    def end(self, topic: str) -> int:
        """The end offset."""
        return self.broker.logs[topic, 0].end

    def behind(self, last_published: ChangeKey | None) -> ChangesAhead:
        """What the change topic holds behind a change."""
        reader = TopicEnd(self.world, self.broker, self.changes, 0)
        return self.loop.run_until_complete(read_changes_behind(reader, last_published))

    def hold_next_end(self, requests: int) -> None:
        """Let the next EndTxn arrive after this many later requests."""
        self.world.faults = FaultSchedule([Fault("late EndTxn", 0.0, 0, (requests + 0.5) / 7)])

    def close(self) -> None:
        """End everything."""
        self.loop.dispose()
