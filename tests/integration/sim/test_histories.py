"""Simulated histories of the real worker: none fails, the seed decides everything, and planted faults are found.

``SEGUE_TEST_HISTORIES=5000 python -m pytest tests/integration/sim/test_histories.py`` runs more of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from aiokafka.record.control_record import ABORT_MARKER

from sim.campaign import plan_of, run
from sim.postgres.server import PostgresServer
from sim.shrink import shrunk
from sim.story import story
from stream_app.outbox import topic_end
from stream_app.outbox.catch_up import CatchUp
from stream_app.storage import statements
from tests.support.seeds import seeds_beginning_with

HISTORIES = int(os.environ.get("SEGUE_TEST_HISTORIES", "150"))
PART = 10
MOST_SEEDS = 300


@pytest.mark.parametrize("first", range(0, HISTORIES, PART))
def test_no_history_fails(server: PostgresServer, first: int) -> None:
    failed = {seed: found for seed in range(first, first + PART) if (found := run(plan_of(seed), server).problems)}
    assert failed == {}


def test_a_history_is_the_same_whatever_ran_before(server: PostgresServer) -> None:
    hashes = [[run(plan_of(seed), server).hash for seed in order] for order in ((3, 8, 21), (21, 8, 3))]
    assert hashes[0] == hashes[1][::-1]
    assert len(set(hashes[0])) == 3


def test_two_processes_with_other_hashes_of_texts_tell_the_same_history(database_url: str) -> None:
    found = []
    # Sets of partitions have another order under the second of these numbers. The first process starts a server.
    for number, database in (("2", []), ("3", ["--database", database_url])):
        command = [sys.executable, "-m", "segue", "sim", "--seed", "3", "--histories", "6", "--json", *database]
        done = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": number}, capture_output=True, check=True)
        found.append(json.loads(done.stdout))
    assert [report["failed"] for report in found] == [[], []]
    assert found[0]["hash"] == found[1]["hash"]


def fence_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit compares neither the epoch nor the offset."""
    compared = " AND epoch = %(epoch)s AND next_offset = %(expected_offset)s"
    compared += "\n  AND change_position = %(expected_position)s AND risk_position = %(expected_risk_position)s"
    assert compared in statements.ADVANCE
    monkeypatch.setattr(statements, "ADVANCE", statements.ADVANCE.replace(compared, ""))


def aborted_for_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay takes aborted changes for published ones, and published ones for aborted."""
    monkeypatch.setattr(topic_end, "COMMIT_MARKER", ABORT_MARKER)


def nothing_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay does not skip what the topic holds already."""
    monkeypatch.setattr(CatchUp, "not_in_topic", lambda self, rows: rows)


def epoch_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim leaves the epoch as it is."""
    monkeypatch.setattr(statements, "CLAIM", statements.CLAIM.replace("progress.epoch + 1", "progress.epoch"))


# The search begins with a history that finds the fault, if it is rare: the order of the seeds only saves time.
@pytest.mark.parametrize(
    ("plant", "first"), [(fence_off, 38), (aborted_for_committed, 1), (nothing_recognised, 1), (epoch_not_raised, 1)]
)
def test_a_planted_fault_is_found(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], first: int
) -> None:
    plant(monkeypatch)
    seeds = seeds_beginning_with([first], MOST_SEEDS)
    assert next((seed for seed in seeds if run(plan_of(seed), server).problems), None) is not None


def test_a_failing_history_becomes_a_short_story(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_recognised(monkeypatch)
    # The first failures need decay in slices or three unknown commits, and so more records than most.
    plan = next(plan for plan in map(plan_of, range(38, MOST_SEEDS)) if run(plan, server).problems)
    smaller = shrunk(plan, lambda fewer: bool(run(fewer, server).problems))
    assert 1 <= len(smaller.faults) <= 2
    assert len(smaller.workload.arrivals) <= 3
    lines = list(story(smaller, run(smaller, server)))
    assert lines[0].startswith(f"Seed {plan.seed}: ")
    assert any("PROBLEM: the change topic has change 1 of" in line for line in lines)
