"""What became of what a replay has sent: counted by the offsets of its records, not by what the replay believes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine

from data.postgres import dead_letters, progress
from data.postgres.progress import Counters
from producers.chaos import CONFLICT, Injected
from producers.offset_runs import OffsetRuns, Placed
from runtime.counts import many


class ReplayOutcome(msgspec.Struct, frozen=True):
    """What became of the transactions that a replay has sent.

    Parameters
    ----------
    sent
        The transactions, with the extra records of chaos.
    applied, duplicates
        Those that count, and those that the ledger had already.
    late
        How many of the applied ones were late. If ``others`` wrote, too, it has the late ones of theirs.
    forgotten
        Those of forgotten customers, which were dropped.
    dead_letters
        By reason.
    not_applied
        Those that no worker has committed yet.
    unaccounted
        Those that neither of these explains, because the log has lost them.
    control_dead_letters
        Ticks that could not be applied, by reason.
    others
        The records of other producers among and before those of the replay. If there are any, ``duplicates`` are those
        that the ledger had before the replay began.
    """

    sent: int
    applied: int
    duplicates: int
    late: int
    dead_letters: dict[str, int]
    not_applied: int
    unaccounted: int
    control_dead_letters: dict[str, int]
    others: int
    forgotten: int = 0

    @property
    def rejected(self) -> int:
        """How many transactions are dead letters."""
        return sum(self.dead_letters.values())

    @property
    def is_complete(self) -> bool:
        """Whether all transactions are accounted for, and all ticks were applied."""
        return not (self.not_applied or self.unaccounted or self.control_dead_letters)

    @property
    def is_clean(self) -> bool:
        """Whether all transactions have been applied, now or before."""
        return self.is_complete and not self.dead_letters

    def differences(self, injected: Injected, known: int, *, compare_late: bool) -> list[str]:
        """Where this is not what was injected; ``known`` transactions had been in the ledger before."""
        conflicts = self.dead_letters.get(CONFLICT, 0)
        compared = [
            (("duplicate", "duplicates"), self.duplicates, injected.duplicates + known),
            (("malformed", "malformed"), self.rejected - conflicts, injected.malformed),
            (("conflict", "conflicts"), conflicts, injected.conflicts),
        ]
        if compare_late and not self.others:
            compared.append((("late", "late"), self.late, injected.late))
        return [
            f"{many(found, *names)} instead of {expected:,}" for names, found, expected in compared if found != expected
        ]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The stream before a replay sends its first record: the counters and the end offsets by partition."""

    counters: dict[int, Counters]
    ends: list[int]

    @property
    def waiting(self) -> int:
        """How many records were in the log and not applied."""
        return sum(
            max(end - (self.counters[partition].next_offset if partition in self.counters else 0), 0)
            for partition, end in enumerate(self.ends)
        )


class Accounting:
    """Finds out what became of the records of a writer."""

    def __init__(self, postgres: Engine, log_id: str, ends: Callable[[], list[int]], placed: Placed) -> None:
        self._postgres = postgres
        self._log_id = log_id
        self._placed = placed
        self._before = Baseline(progress.counters(postgres, log_id), ends())

    @property
    def before(self) -> Baseline:
        """The stream before the replay."""
        return self._before

    def outcome(self, sent: int, known: int) -> ReplayOutcome:
        """What became of ``sent`` transactions, of which ``known`` are repeats of what the ledger had or was sent."""
        after = progress.counters(self._postgres, self._log_id)
        letters, control_letters = self._dead_letters(after)
        rejected = sum(letters.values())
        located = sum(runs.before(after[p].next_offset) for p, runs in self._placed.transactions.items() if p in after)
        done = min(located + self._placed.unlocated, sent)
        others = self._others(after)
        forgotten = self._gained(after, "forgotten")
        if others:
            forgotten = min(forgotten, done - rejected)
            left = done - rejected - forgotten
            applied, duplicates = max(left - known, 0), min(known, left)
        else:
            applied, duplicates = self._gained(after, "transactions"), self._gained(after, "duplicates")
        return ReplayOutcome(
            sent=sent,
            applied=applied,
            duplicates=duplicates,
            late=self._gained(after, "late"),
            dead_letters=dict(letters.most_common()),
            not_applied=sent - done,
            unaccounted=done - applied - duplicates - rejected - forgotten,
            control_dead_letters=dict(control_letters.most_common()),
            others=others,
            forgotten=forgotten,
        )

    def _others(self, after: dict[int, Counters]) -> int:
        """The records that the counters include and the writer has not written."""
        covered = 0
        for partition, counters in after.items():
            before = self._before.counters.get(partition)
            covered += counters.next_offset - (before.next_offset if before else 0)
            for runs in (self._placed.transactions, self._placed.control):
                covered -= runs.get(partition, OffsetRuns()).before(counters.next_offset)
        return max(covered - self._placed.unlocated, 0)

    def _gained(self, after: dict[int, Counters], name: str) -> int:
        return sum(
            getattr(counters, name) - getattr(self._before.counters.get(partition), name, 0)
            for partition, counters in after.items()
        )

    def _dead_letters(self, after: dict[int, Counters]) -> tuple[Counter[str], Counter[str]]:
        """The dead letters of the writer's transactions and of its control records, by reason."""
        letters: Counter[str] = Counter()
        control_letters: Counter[str] = Counter()
        for partition, counters in after.items():
            own = self._placed.transactions.get(partition, OffsetRuns())
            own_control = self._placed.control.get(partition, OffsetRuns())
            first, end = self._before.ends[partition], counters.next_offset
            for row in dead_letters.reasons_between(self._postgres, counters.log_id, partition, first, end):
                if row.offset in own:
                    letters[row.reason] += 1
                elif row.offset in own_control:
                    control_letters[row.reason] += 1
        return letters, control_letters
