"""One history: a workload, a schedule of faults, some workers, and what the checks find in the end."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from models.segment_model import to_json
from runtime.brokers import Brokers
from runtime.topics import Topics
from sim import checks, topic_checks, workload
from sim.faults import KINDS, Fault, FaultSchedule
from sim.kafka.broker import Broker
from sim.kafka.group import SimulatedGroup
from sim.letters import LetterWatch
from sim.logs import capturing
from sim.loop import SimulatedLoop
from sim.oracle import ExpectedOutcome, Oracle
from sim.postgres.connection import SimulatedPostgres
from sim.postgres.server import Copy, PostgresServer
from sim.source import SimulatedSource
from sim.worker import SimulatedWorker
from sim.workload import PARTITIONS, Arrival, Workload
from sim.world import TracedEvent, World
from stream_app.worker_config import WorkerConfig

TOPICS = Topics(workload.TOPIC, "changes", "segments", "dead-letters", "drift")
_NO_BROKER = Brokers("simulated:1")
_SESSION_SECONDS = 0.6
_DRAIN_SECONDS = 30.0
_POLL_SECONDS = 0.25
# A worker compares its progress with the log every 20 s.
_LOG_SECONDS = 60.0
# What a ready worker never says of a partition.
_FAILING = ("has failed", "has not been claimed", "catching up")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a history: empty ``problems`` if all checks hold."""

    problems: list[str]
    hash: str
    events: list[TracedEvent]
    struck: Counter[str]
    reached: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """Everything that decides a history.

    With ``other_user``, each worker has a Postgres user of its own: a claim can't end the former owner's connections.
    """

    seed: int
    workload: Workload
    faults: tuple[Fault, ...]
    workers: int
    other_user: bool = False


def expected(plan: Workload) -> dict[int, ExpectedOutcome]:
    """What each partition must have in the end, from the order in which its records arrive."""
    oracles = [Oracle(plan.champion, bool(plan.control_keys)) for _ in range(PARTITIONS)]
    ends = [0] * PARTITIONS
    # A transaction marker takes an offset when its Kafka transaction ends.
    markers = [(arrival.ends_at, arrival.partition, None) for arrival in plan.arrivals if arrival.mode != "plain"]
    written = [(arrival.at, arrival.partition, arrival) for arrival in plan.arrivals]
    for _, partition, arrival in sorted([*written, *markers], key=lambda each: each[0]):
        if arrival is None:
            ends[partition] += 1
            continue
        for entry in arrival.entries:
            if arrival.mode != "aborted":
                oracles[partition].add(ends[partition], entry)
            ends[partition] += 1
    return {partition: oracle.outcome() for partition, oracle in enumerate(oracles)}


def _in_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return sorted(arrivals, key=lambda arrival: arrival.at)


class SimulatedHistory:
    """Runs one plan on a server whose tables are empty."""

    def __init__(self, plan: HistoryPlan, server: PostgresServer) -> None:
        self._plan, self._server = plan, server
        chance = random.Random(f"history {plan.seed}")
        self._loop = SimulatedLoop(chance)
        self._world = World(self._loop, chance, FaultSchedule(list(plan.faults)))
        self._broker = Broker(self._world, int(workload.START.timestamp() * 1_000))
        for topic in (TOPICS.transactions, TOPICS.changes, TOPICS.segments, TOPICS.dead_letters, TOPICS.risk_changes):
            self._broker.create(topic, PARTITIONS)
        self._watch = topic_checks.TopicWatch(self._world, self._broker, TOPICS)
        self._letters = LetterWatch(self._world, self._broker, TOPICS.dead_letters, server)
        self._postgres = SimulatedPostgres(self._world, server, plan.other_user)
        self._workers: list[SimulatedWorker] = []
        self._group: SimulatedGroup | None = None
        self._copy: Copy | None = None
        self._followed = False
        self._source = SimulatedSource(self._world, self._broker, server)

    def run(self) -> Result:
        """Run the history to its end."""
        self._prepare()
        with capturing(self._world):
            try:
                self._loop.run_until_complete(self._drive())
            except Exception as error:
                self._world.problem(f"the history ended with {error!r}")
            finally:
                world = self._world
                self._postgres.end_all()
                self._loop.dispose()
        return Result(world.problems, world.hash, world.events, world.faults.struck, world.reached, world.now)

    def _prepare(self) -> None:
        self._server.empty()
        champion = self._plan.workload.champion
        if champion is not None:
            direct = self._server.direct
            spec = to_json(champion).decode()
            direct.execute("INSERT INTO models (version, spec) VALUES (%s, %s::jsonb)", [champion.version, spec])
            direct.execute("INSERT INTO model_aliases (alias, version) VALUES ('champion', %s)", [champion.version])

    async def _drive(self) -> None:
        world, plan, loop = self._world, self._plan, self._loop
        group = self._group = SimulatedGroup(world, self._broker, PARTITIONS, _SESSION_SECONDS)
        config = _config(plan.workload)
        fetch_size = plan.workload.shape.fetch_size
        for number, name in enumerate("ABC"[: plan.workers]):
            worker = SimulatedWorker(world, self._broker, group, self._postgres, config, PARTITIONS, fetch_size, name)
            self._workers.append(worker)
            loop.call_later(0.01 + 0.3 * number * world.chance.random(), worker.start)
        for arrival in _in_order(plan.workload.arrivals):
            loop.call_later(arrival.at, self._source.arrive, arrival)
        for fault in world.faults.at_moments():
            loop.call_later(fault.at, self._strike, fault)
        last = max((fault.at for fault in plan.faults), default=0.0)
        await world.pause(max(plan.workload.ends_at, last) + 0.01)
        # A fault that waits for its place gets a moment more.
        if plan.faults:
            await world.pause(max(world.faults.last_at - world.now, 0.0) + 1.0)
        world.faults.disarm()
        await world.pause(max(world.faults.last_at - world.now, 0.0) + 0.01)
        while not self._source.can_write and world.now < _LOG_SECONDS:
            await world.pause(_POLL_SECONDS)
        await self._drain()

    async def _drain(self) -> None:
        """Wait until everything is applied and published, and compare it with what the oracle finds."""
        world, outcome = self._world, expected(self._plan.workload)
        deadline = world.now + _DRAIN_SECONDS
        while left := self._left(outcome):
            if world.now > deadline or world.problems:
                world.problem(f"not drained after {_DRAIN_SECONDS:.0f} s: {left}{self._reported()}")
                return
            await world.pause(_POLL_SECONDS)
        world.trace("drained", shown=True)
        differences = checks.differences(self._server, outcome, rereads=self._source.is_reread)
        for text in [*differences, *self._letters.missing()]:
            world.problem(text)
        # Whatever has failed is over, and the workers say so.
        while reported := self._reported():
            if world.now > deadline:
                world.problem(f"everything has drained, but{reported}")
                return
            await world.pause(_POLL_SECONDS)

    def _left(self, outcome: dict[int, ExpectedOutcome]) -> str:
        """What is still to be done; empty if everything has drained."""
        left = checks.undrained(self._server, self._broker, TOPICS.transactions, PARTITIONS)
        if left:
            return left
        hangs = any(log.stable_end < log.end for log in self._broker.logs.values())
        if hangs and not self._followed:
            # The next relay of the partition ends a hanging transaction.
            self._followed = True
            self._world.trace("a hanging transaction is left: the partitions get another relay", shown=True)
            assert self._group is not None  # noqa: S101 - the history has begun
            self._group.rebalance()
        if hangs:
            return "a Kafka transaction hangs"
        found = (topic_checks.topic_differences, topic_checks.risk_differences)
        return next((text for check in found for text in check(self._watch, outcome)), "")

    def _reported(self) -> str:
        """What the workers report of partitions that don't get on."""
        reasons = [
            reason
            for worker in self._workers
            if worker.health is not None
            for reason in msgspec.json.decode(worker.health.ready().body)["reasons"]
            if any(words in reason for words in _FAILING)
        ]
        return f" ({'; '.join(reasons)})" if reasons else ""

    # -- faults that strike at their moment ---------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        world, group = self._world, self._group
        assert group is not None  # noqa: S101 - the history has begun
        world.faults.note(fault, world.now)
        world.trace(f"{KINDS[fault.kind].words} [{fault.kind}]", shown=True)
        if fault.kind == "Postgres away":
            world.postgres_away_until = world.now + fault.seconds
            self._postgres.end_all()
        elif fault.kind == "broker away":
            world.broker_away_until = world.now + fault.seconds
        elif fault.kind == "rebalance":
            group.rebalance()
        elif fault.kind == "revoked, but goes on":
            group.expel(fault.share, fault.seconds)
        elif fault.kind == "claim cancelled":
            for worker in self._workers:
                if worker.cancel_claim():
                    world.reach("a claim was cancelled")
                    break
        elif fault.kind == "worker stopped":
            self._workers[int(fault.share * len(self._workers))].stop(fault.seconds)
        elif fault.kind.startswith("log "):
            self._strike_log(fault)
        elif fault.kind == "Postgres set back":
            self._copy = self._server.copy()
            world.reach("Postgres was copied")
            # Rows can be replaced while the server runs, or another server takes its place.
            is_running = int(fault.share * 1_000) % 3 == 0
            self._loop.call_later(0.2 + fault.seconds, self._restore, is_running)
            world.faults.last_at = max(world.faults.last_at, world.now + 0.3 + fault.seconds)

    def _strike_log(self, fault: Fault) -> None:
        source = self._source
        if not source.can_write or source.is_reread:
            return
        if fault.kind == "log recreated":
            source.recreate(fault.seconds)
        elif fault.kind == "log truncated":
            source.truncate(fault.share, fault.seconds)
        elif all(other.kind != "Postgres set back" for other in self._plan.faults):
            # A copy of Postgres could need what is deleted.
            source.shorten(fault.share)

    def _restore(self, is_running: bool) -> None:
        copy, self._copy = self._copy, None
        if copy is None:
            return
        world = self._world
        world.trace("Postgres is set back to its copy", shown=True)
        world.reach("Postgres was set back")
        if is_running:
            self._postgres.end_busy()
        else:
            self._postgres.end_all()
        self._server.restore(copy)
        world.enter("set back", 2.0)
        world.set_back = True


def _config(plan: Workload) -> WorkerConfig:
    return WorkerConfig(
        brokers=_NO_BROKER,
        database_url="simulated",
        topics=TOPICS,
        consumer_group="group",
        log_id=None,
        partitions_to_create=0,
        currency=workload.CURRENCY,
        max_ahead=timedelta(days=1),
        control_keys=plan.control_keys,
        batch_size=plan.shape.batch_size,
        session_timeout=_SESSION_SECONDS,
        exactly_once=True,
        worker_id=None,
        web_host="127.0.0.1",
        web_port=0,
    )
