"""Many histories: one seed after another, and what came of them."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sim import faults, workload
from sim.history import History, Plan, Result
from sim.postgres.server import PostgresServer

_MOST_FAULTS = 12
_BEFORE_AND_AFTER_SECONDS = 0.6


def plan_of(seed: int) -> Plan:
    """The plan that a seed decides. A few plans have no fault at all."""
    chance = random.Random(f"plan {seed}")
    work = workload.drawn(seed)
    count = 0 if chance.random() < 0.05 else chance.randint(1, _MOST_FAULTS)
    drawn = faults.drawn(chance, count, work.ends_at + _BEFORE_AND_AFTER_SECONDS)
    return Plan(seed, work, tuple(drawn), chance.choice((1, 2, 2, 2, 3)), chance.random() < 0.3)


def run(plan: Plan, server: PostgresServer) -> Result:
    """Run the history of a plan."""
    return History(plan, server).run()


@dataclass(frozen=True, slots=True)
class Failed:
    """A history whose checks do not hold."""

    seed: int
    reason: str


@dataclass(slots=True)
class Report:
    """What came of some histories; ``struck`` and ``reached`` count faults and states over all of them."""

    histories: int = 0
    failed: list[Failed] = field(default_factory=list)
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
            self.failed.append(Failed(seed, result.problems[0]))


def campaign(
    server: PostgresServer, seeds: Iterable[int], stop_at_first: bool, each: Callable[[Report], bool], report: Report
) -> None:
    """Run the histories of some seeds, and count them in a report.

    ``each`` is called after each of them, and returns whether to go on.
    """
    for seed in seeds:
        report.add(seed, run(plan_of(seed), server))
        if not each(report) or (stop_at_first and report.failed):
            break
