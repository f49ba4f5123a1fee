"""Many histories: one seed after another, and what came of them."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sim import faults, workload
from sim.history import HistoryPlan, Result, SimulatedHistory
from sim.postgres.server import PostgresServer

_MOST_FAULTS = 12
#: How many faults more wait until a worker is in the middle of something.
_MORE_FAULTS = (0, 0, 1, 2, 3)
_SET_BACK = "Postgres set back"
#: In this many histories with a crowd, Postgres forgets its decay: it fires again, in another order.
_CROWDS_SET_BACK = 0.4
_BEFORE_AND_AFTER_SECONDS = 0.6


def plan_of(seed: int) -> HistoryPlan:
    """The plan that a seed decides. A few plans have no fault at all."""
    chance = random.Random(f"plan {seed}")
    work = workload.drawn(seed)
    count = 0 if chance.random() < 0.05 else chance.randint(1, _MOST_FAULTS)
    until = work.ends_at + _BEFORE_AND_AFTER_SECONDS
    drawn = faults.drawn(chance, count, until)
    if drawn and work.shape.crowd and chance.random() < _CROWDS_SET_BACK:
        drawn.append(faults.Fault(_SET_BACK, 0.0, 0, round(chance.random(), 4)))
    drawn = [_near_the_end(chance, fault, work.ends_at) for fault in drawn]
    if drawn:
        drawn += faults.drawn_for(chance, _phases(work, drawn), chance.choice(_MORE_FAULTS), until)
        drawn.sort(key=lambda fault: fault.at)
    return HistoryPlan(seed, work, tuple(drawn), chance.choice((1, 2, 2, 2, 3)), chance.random() < 0.3)


def _near_the_end(chance: random.Random, fault: faults.Fault, ends_at: float) -> faults.Fault:
    """The fault; Postgres is often set back to just before the last records, as nothing then makes up for a mistake."""
    if fault.kind != _SET_BACK or (fault.at and chance.random() < 0.5):
        return fault
    return replace(fault, at=round(max(ends_at - chance.choice((0.05, 0.2, 0.5)), 0.0), 3))


def _phases(work: workload.Workload, drawn: Sequence[faults.Fault]) -> dict[str, float]:
    """The phases that a history may have: a fault that waits for another one would never strike."""
    weights = dict(faults.PHASES)
    if all(fault.kind != _SET_BACK for fault in drawn):
        for name in ("set back", "catching up", "caught up"):
            del weights[name]
    if work.shape.crowd <= work.shape.batch_size:
        del weights["decaying in slices"]
    return weights


def run(plan: HistoryPlan, server: PostgresServer) -> Result:
    """Run the history of a plan."""
    return SimulatedHistory(plan, server).run()


@dataclass(frozen=True, slots=True)
class FailedHistory:
    """A history whose checks do not hold."""

    seed: int
    reason: str


@dataclass(slots=True)
class SimulationReport:
    """What came of some histories; ``struck`` and ``reached`` count faults and states over all of them."""

    histories: int = 0
    failed: list[FailedHistory] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    virtual_seconds: float = 0.0
    _hash: "hashlib.blake2b" = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    @property
    def hash(self) -> str:
        """A digest of everything that has happened in all histories."""
        return self._hash.hexdigest()

    def add(self, seed: int, result: Result) -> None:
        """Count one more history."""
        self.histories += 1
        self._hash.update(result.hash.encode())
        self.struck.update(result.struck)
        self.reached.update(result.reached)
        self.virtual_seconds += result.seconds
        if result.problems:
            self.failed.append(FailedHistory(seed, result.problems[0]))


def campaign(
    server: PostgresServer,
    seeds: Iterable[int],
    stop_at_first: bool,
    each: Callable[[SimulationReport], bool],
    report: SimulationReport,
) -> None:
    """Run the histories of some seeds, and count them in a report.

    ``each`` is called after each of them, and returns whether to go on.
    """
    for seed in seeds:
        report.add(seed, run(plan_of(seed), server))
        if not each(report) or (stop_at_first and report.failed):
            break
