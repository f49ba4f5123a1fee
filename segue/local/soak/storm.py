"""The storm: faults at random moments of a full replay, and a report on what they changed."""

import math
import random
import shutil
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import msgspec

from batch.reconcile_stream import check
from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from segue.local.soak.faults import FAULTS, LOG_FAULTS, Fault, late_end_txn
from segue.local.soak.log_faults import copy_log, shortened_log
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import STUCK_SECONDS, ReplayGate, Running, SoakError, running, wait_until

Say = Callable[[str], None]

ALL = FAULTS | LOG_FAULTS
WORKERS = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_TICK_SECONDS = 0.2
_SETTLE_SECONDS = 0.2
_SLOW_SECONDS = 20.0


class FaultRecord(msgspec.Struct, frozen=True):
    """One fault: after how many transactions it happened, how long it lasted, and how long the recovery took.

    Both durations are seconds. The recovery starts at the end of the fault (for a kill, at once) and ends when every
    partition has committed again.
    """

    fault: str
    after_transactions: int
    lasted_seconds: float
    recovered_seconds: float


class StormReport(msgspec.Struct, frozen=True):
    """The result of a storm.

    ``duplicates`` are transactions that producers sent twice, without those that were sent or read again because the
    log had lost them. ``repeats`` are changes that are in the change topic more than once, ``stale_states`` customers
    whose latest state in the compacted topic is not the one of their last change. ``unlike_recomputed`` are values and
    changes that differ from a recomputation of every customer's history.
    """

    seed: int
    transactions: int
    strikes: list[FaultRecord]
    duplicates: int
    repeats: int
    stale_states: int
    unlike_undisturbed: int
    unlike_recomputed: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, counted twice or published twice."""
        return not (
            self.duplicates or self.repeats or self.stale_states or self.unlike_undisturbed or self.unlike_recomputed
        )


def storm(
    folder: Path,
    dataset: Dataset,
    model: SegmentModel,
    expected: StoredOutcome,
    *,
    seed: int,
    faults: int,
    say: Say,
    among: Collection[str] = tuple(ALL),
) -> StormReport:
    """Replay a dataset while faults happen: each of those ``among`` which they are chosen, then any of them again.

    Raises
    ------
    SoakError
        If the stack does not recover from a fault.
    """
    rng = random.Random(seed)  # noqa: S311 - a storm that can be repeated
    total = len(dataset.transactions)
    moments = sorted(rng.sample(range(1, total * 3 // 4), faults))
    gate = ReplayGate()
    started = time.monotonic()
    with running(folder, "apache", model, WORKERS, max_lag=max(total // 20, 100), proxied=True) as run:
        wait_until(lambda: run.owners() == WORKERS, "until every worker has a partition")
        replay = Thread(target=run.replay, args=(dataset, gate), daemon=True)
        replay.start()
        records, read_again = [], 0
        for name, moment in zip(_names(rng, faults, among), moments, strict=True):
            _approach(run, gate, name, moment, total)
            records.append(inject(run, name, ALL[name], rng))
            if name in LOG_FAULTS:
                # Everything was applied before the fault, and is in the log once more.
                read_again += run.applied()
            say(
                f"{name}: lasted {records[-1].lasted_seconds:.1f} s, "
                f"all partitions recovered {records[-1].recovered_seconds:.1f} s later"
            )
        gate.open(math.inf)
        replay.join(STUCK_SECONDS)
        if replay.is_alive():
            raise SoakError("the replay did not finish")
        outcome = run.outcome()
        report = StormReport(
            seed=seed,
            transactions=run.applied(),
            strikes=records,
            duplicates=progress.totals(run.replaying.postgres).duplicates - read_again,
            repeats=outcome.history.repeats,
            stale_states=outcome.stale,
            unlike_undisturbed=outcome.differences(expected),
            unlike_recomputed=_unlike_recomputed(run, dataset),
            seconds=round(time.monotonic() - started, 1),
        )
    if report.clean:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _approach(run: Running, gate: ReplayGate, name: str, moment: int, total: int) -> None:
    """Wait until ``moment`` transactions have been applied, and let the replay send some more during the fault."""
    fault = ALL[name]
    if fault is shortened_log:
        gate.open(moment)
        copy_log(run.stack)
        gate.open(max(moment, gate.sent) + total / 25)
    else:
        gate.open(moment + (0 if fault is late_end_txn else total / 50))
    wait_until(lambda: run.applied() >= moment, f"before {name}")
    if fault is late_end_txn:
        # The late request needs a next Kafka transaction, so transactions must arrive while the fault lasts.
        gate.open_slowly(total / 10, _SLOW_SECONDS)


def inject(run: Running, name: str, fault: Fault, rng: random.Random) -> FaultRecord:
    """Cause one fault, and wait until every partition commits again.

    Ticks of a moment long past give every partition something to commit; they change no segment.

    Raises
    ------
    SoakError
        If a partition does not commit again.
    """
    after, began = run.applied(), time.monotonic()
    fault(run.stack, rng)
    if name in LOG_FAULTS:
        # The restored broker does not know the producer's last records, and would refuse its next ones.
        run.replaying.writer.reconnect()
    over = ticked = time.monotonic()
    # A commit that a killed worker had sent may still arrive; it is not part of the recovery.
    time.sleep(_SETTLE_SECONDS)
    before: dict[int, int] = {}

    def answers() -> bool:
        before.update(run.done())
        return True

    # A killed Postgres may still be starting.
    wait_until(answers, f"until Postgres answered after {name}")

    def recovered() -> bool:
        nonlocal ticked
        if time.monotonic() - ticked > _TICK_SECONDS:
            ticked = time.monotonic()
            run.replaying.writer.tick(_LONG_AGO)
        return all(offset > before[partition] for partition, offset in run.done().items())

    wait_until(recovered, f"after {name}")
    return FaultRecord(name, after, round(over - began, 2), round(time.monotonic() - over, 2))


def _unlike_recomputed(run: Running, dataset: Dataset) -> int:
    """Return how many values and changes differ from a recomputation.

    A replay in order has no late transactions, so nothing excuses a customer whose history is not the recomputed one.
    """
    found = check(run.settings.database, dataset, history=True)
    return len(found.differences) + (len(found.history.not_comparable) if found.history else 0)


def _names(rng: random.Random, count: int, among: Collection[str]) -> list[str]:
    """Return every fault once, then any, in random order."""
    names = [*among, *rng.choices(list(among), k=max(count - len(among), 0))][:count]
    rng.shuffle(names)
    return names
