"""Faults on a real Kafka: whatever dies, hangs or disconnects, the result is the same.

The faults strike one after another in one long run, each in the middle of the next part of the dataset.
``SEGUE_TEST_LONG_FAULTS=1`` adds those that another one covers.
"""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
import pytest

from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from segue.local.soak.faults import FAULTS, LONG_FAULTS, late_end_txn
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import ReplayGate, running, wait_until
from segue.local.soak.storm import inject
from segue.local.stack import Stack
from tests.support.partwise_run import PartwiseRun, assert_right_so_far, owner, owners

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

# A minute without the broker is longer than Kafka transactions and requests wait; it covers a shorter absence.
COVERED = () if os.environ.get("SEGUE_TEST_LONG_FAULTS") else ("broker away", "postgres away for a minute")
ALL = {name: fault for name, fault in (FAULTS | LONG_FAULTS).items() if name not in COVERED}
PARTS = len(ALL) + 5
# A part has some hundred transactions; a micro-batch of all of them would have no middle.
BATCH_SIZE = "20"
SLOW_SECONDS = 10.0


@pytest.fixture(scope="module")
def parts(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PartwiseRun]:
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_BATCH_SIZE", BATCH_SIZE)
        with running(folder, "apache", medium_model, workers=3, max_lag=1_000, proxied=True) as run:
            wait_until(lambda: len(owners(run)) == 3, "at the start")
            yield PartwiseRun(run, medium_dataset)


@pytest.mark.parametrize("name", ALL)
def test_the_stream_goes_on_by_itself_and_is_right(
    parts: PartwiseRun, medium_expected: StoredOutcome, name: str
) -> None:
    gate = ReplayGate()
    replay = parts.next(gate, PARTS)
    if ALL[name] is late_end_txn:
        gate.open_slowly(len(parts.dataset.transactions) / PARTS / 2, SLOW_SECONDS)
    struck = inject(parts.run, name, ALL[name], random.Random(1))
    parts.finish(gate, replay)
    print(f"{name}: lasted {struck.lasted_seconds} s, recovered {struck.recovered_seconds} s later")  # noqa: T201
    assert_right_so_far(parts, medium_expected)


def test_a_worker_that_stands_still_in_a_transaction_loses_its_partitions_and_writes_nothing_when_it_goes_on(
    parts: PartwiseRun, medium_expected: StoredOutcome
) -> None:
    with _waiting_to_write(parts) as (gate, replay, waiting):
        victim = owner(parts.run, min(waiting))
        os.kill(victim, signal.SIGSTOP)
    try:
        wait_until(lambda: victim not in owners(parts.run), "while the worker stands still")
        taken_over = progress.partitions(parts.run.replaying.postgres)
    finally:
        os.kill(victim, signal.SIGCONT)
    parts.finish(gate, replay)
    wait_until(lambda: victim in owners(parts.run), "when the worker goes on")
    later = progress.partitions(parts.run.replaying.postgres)
    # The worker may get partitions again, but only by a new claim.
    assert all(
        after.epoch > before.epoch
        for before, after in zip(taken_over, later, strict=True)
        if after.owner.endswith(f":{victim}")
    )
    assert_right_so_far(parts, medium_expected)


def test_the_others_take_over_from_a_worker_without_a_name_that_dies_for_good(
    parts: PartwiseRun, medium_expected: StoredOutcome
) -> None:
    stack = parts.run.stack
    stranger = stack.start_worker({"SEGUE_WORKER_ID": ""})
    wait_until(lambda: stranger.pid in owners(parts.run), "until it has a partition")

    def die(stack: Stack, rng: random.Random) -> None:
        os.kill(stranger.pid, signal.SIGKILL)
        stack.dismiss(stranger)

    gate = ReplayGate()
    replay = parts.next(gate, PARTS)
    struck = inject(parts.run, "stranger killed", die, random.Random(1))
    parts.finish(gate, replay)
    print(f"permanently dead: recovered {struck.recovered_seconds} s later")  # noqa: T201
    assert stranger.pid not in owners(parts.run)
    assert_right_so_far(parts, medium_expected)


def test_connections_cut_in_the_middle_of_transactions_leave_nothing_half_done(
    parts: PartwiseRun, medium_expected: StoredOutcome
) -> None:
    with _waiting_to_write(parts) as (gate, replay, waiting), psycopg.connect(parts.run.settings.database) as cutting:
        cutting.execute("SELECT pg_terminate_backend(unnest(%s::int[]))", [list(waiting.values())])
    parts.finish(gate, replay)
    assert_right_so_far(parts, medium_expected)


@contextmanager
def _waiting_to_write(parts: PartwiseRun) -> Iterator[tuple[ReplayGate, Thread, dict[int, int]]]:
    """Replay the next part, with workers in the middle of a database transaction while the block runs.

    Yields the server's process for each of these partitions.
    """
    gate, size = ReplayGate(), len(parts.dataset.transactions) // PARTS
    query = (
        "SELECT split_part(application_name, ' ', 2)::int, pid FROM pg_stat_activity "
        "WHERE application_name ^@ 'segue-worker' AND wait_event_type = 'Lock' AND xact_start IS NOT NULL"
    )
    database = parts.run.settings.database
    with psycopg.connect(database) as holding, psycopg.connect(database, autocommit=True) as watching:
        looking = watching.cursor()
        holding.execute("LOCK TABLE segment_changes IN SHARE MODE")
        gate.open(float("inf"))
        replay = parts.replay(parts.reached + size, gate)
        wait_until(lambda: looking.execute(query).rowcount > 0, "until a worker waits to write")
        yield gate, replay, dict(looking.fetchall())
        holding.rollback()


def test_in_the_end_everything_is_as_without_any_fault(parts: PartwiseRun, medium_expected: StoredOutcome) -> None:
    gate = ReplayGate()
    parts.finish(gate, parts.replay(len(parts.dataset.transactions), gate))
    outcome = parts.run.outcome()
    assert outcome.differences(medium_expected) == 0
    assert outcome.history.repeats == 0
    assert progress.totals(parts.run.replaying.postgres).duplicates == 0
