"""A simulated worker: the real assignment and partition tasks, composed as ``stream_app.worker`` does without Faust."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

from data.kafka.partitioner import partition_of
from sim.kafka.broker import Broker
from sim.kafka.consumer import Consumer
from sim.kafka.group import SimulatedGroup
from sim.kafka.producer import SimulatedProducer
from sim.kafka.reading import LogQuestions, TopicEnd
from sim.lives import WatchedMetrics
from sim.loop import OneCall
from sim.postgres.connection import SimulatedPostgres
from sim.process import PROCESS, Process
from sim.world import World
from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.row_kinds import RISK_CHANGES, SEGMENT_CHANGES, AnyKind
from stream_app.outbox.topic_end import read_changes_behind
from stream_app.partitions.assignment import PartitionAssignment
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.outbox import ChangeKey
from stream_app.worker_config import WorkerConfig

_START_SECONDS = 0.05
_POLL_SECONDS = 0.5
# Few offsets, as the topics of a history are short.
_LOOK_BACK = 4


class SimulatedWorker:
    """A worker that is started again whenever it dies.

    ``health`` is that of the process that runs now.
    """

    def __init__(
        self,
        world: World,
        broker: Broker,
        group: SimulatedGroup,
        postgres: SimulatedPostgres,
        config: WorkerConfig,
        partitions: int,
        fetch_size: int,
        name: str,
    ) -> None:
        self._world, self._broker, self._group, self._postgres = world, broker, group, postgres
        self._config, self._partitions, self._fetch_size, self.name = config, partitions, fetch_size, name
        self._starts = 0
        self.process: Process | None = None
        self.health: Health | None = None
        self._claiming: asyncio.Task[object] | None = None
        self._away_seconds: float | None = None
        self._leaving = asyncio.Event()
        world.on_death.append(self._died)
        world.on_stop.append(self._asked_to_leave)

    def start(self) -> None:
        """Start a process."""
        self._starts += 1
        self._away_seconds = None
        self._leaving = asyncio.Event()
        self.process = Process(f"{self.name}{self._starts}")
        context = copy_context()
        context.run(PROCESS.set, self.process)
        self._world.loop.create_task(self._run(self.process.name), context=context)

    def _died(self, process: Process, seconds: float) -> None:
        if process is self.process:
            self._world.loop.call_later(max(seconds, _START_SECONDS), self.start, context=self._broker.outside)

    def cancel_claim(self) -> bool:
        """Cancel the claim that is under way, as Faust may do; returns whether there was one."""
        claiming = self._claiming
        return claiming is not None and claiming.cancel()

    def stop(self, seconds: float) -> None:
        """Ask the process to stop; it is started again after some seconds."""
        self._away_seconds = seconds
        self._leaving.set()

    def _asked_to_leave(self, process: Process, seconds: float | None) -> None:
        if process is self.process:
            self._away_seconds = self._away_seconds or seconds
            self._leaving.set()

    # -- in the process -----------------------------------------------------------------------------------------------

    async def _run(self, owner: str) -> None:
        world = self._world
        await world.pause(world.latency())
        while self._broker.is_away or self._config.topics.transactions not in self._broker.topic_ids:
            await world.pause(_POLL_SECONDS)
        consumer = Consumer(world, self._broker, self._config.topics.transactions, self._fetch_size)
        metrics = WatchedMetrics(world)
        metrics.log_end = consumer.log_end
        self.health = Health(metrics, lambda: world.now)
        assignment = PartitionAssignment(self._context(metrics, owner), consumer)
        parts: list[Callable[[], Awaitable[None]]] = [
            assignment.watch,
            assignment.watch_log,
            self.health.beat,
            consumer.fetch_forever,
            partial(self._pass_on, consumer, assignment),
            partial(self._belong, consumer, assignment, metrics, owner),
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in parts:
                    tasks.create_task(part())  # type: ignore[arg-type]
        except BaseExceptionGroup as error:
            world.problem(f"worker {owner} has ended with {error.exceptions[0]!r}")
            raise

    def _context(self, metrics: Metrics, owner: str) -> WorkerContext:
        world, broker, config, topics = self._world, self._broker, self._config, self._config.topics
        questions = LogQuestions(world, broker, topics.transactions, self._partitions)
        new_producer: Any = partial(SimulatedProducer, world, broker, self._partitions)

        async def changes_behind(
            topic: str, kind: AnyKind, partition: int, last_published: ChangeKey | None
        ) -> ChangesAhead:
            topic_end = TopicEnd(world, broker, topic, partition)
            return await read_changes_behind(topic_end, last_published, _LOOK_BACK, kind)

        log_id = f"sim/{broker.topic_ids[topics.transactions]}"
        return WorkerContext(
            config=config,
            log_id=log_id,
            owner=owner,
            partitions=self._partitions,
            metrics=metrics,
            partition_of=partial(partition_of, partitions=self._partitions),
            read_log=questions.read_log,
            is_gap=questions.is_gap,
            new_writer=lambda partition: ChangeWriter(config.brokers, topics, True, partition, new_producer),
            changes_behind=partial(changes_behind, topics.changes, SEGMENT_CHANGES),
            new_risk_writer=lambda partition: ChangeWriter(
                config.brokers, topics, True, partition, new_producer, RISK_CHANGES
            ),
            risk_changes_behind=partial(changes_behind, topics.risk_changes, RISK_CHANGES),
            new_dead_letter_publisher=lambda partition: DeadLetterPublisher(
                config.brokers, topics, log_id, partition, new_producer, lambda: world.now
            ),
            connect=self._postgres.connect,
            clock=lambda: world.now,
            new_thread=lambda _: OneCall(world.loop),
        )

    async def _pass_on(self, consumer: Consumer, assignment: PartitionAssignment) -> None:
        while True:
            partition, records = await consumer.fetched.get()
            await assignment.offer(partition, records)

    async def _belong(self, consumer: Consumer, assignment: PartitionAssignment, metrics: Metrics, owner: str) -> None:
        """Join the group, hold what it assigns, and join again when it is rebalanced."""
        world, every = self._world, self._config.session_timeout / 3
        while True:
            generation, assigned = await self._group.join(owner)
            world.trace(f"is assigned {sorted(assigned)}", shown=True)
            assignment.begin()
            metrics.joined = True
            partitions = consumer.assign(assigned)
            claim = self._claiming = asyncio.ensure_future(assignment.claim(partitions))
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), every)
                if self._leaving.is_set() or not self._group.heartbeat(owner, generation):
                    break
                if claim.cancelled():
                    # Faust asks again.
                    claim = self._claiming = asyncio.ensure_future(assignment.claim(partitions))
            claim.cancel()
            self._leaving.clear()
            world.trace("is revoked", shown=True)
            await assignment.release()
            consumer.assign(set())
            if self._away_seconds is not None and self.process is not None:
                world.trace("has stopped", shown=True)
                self._group.leave(owner)
                world.kill(self.process, self._away_seconds)
                await world.pause(0.0)
