"""The benchmark of the worker's stages: what it measures is the worker's work, whatever the size of a batch."""

import subprocess
import sys

import msgspec
import pytest

from benchmarks.stages.tables import HAND_WRITTEN, Sample

COMMAND = [sys.executable, "-m", "benchmarks.stages", "--invoices", "600", "--rounds", "1", "--json"]


@pytest.mark.skipif(sys.platform != "linux", reason="the CPU of a process of Postgres is read from /proc")
def test_all_sizes_of_batches_make_the_same_events_and_rows() -> None:
    done = subprocess.run([*COMMAND, "--batches", "20", "600"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    samples = msgspec.json.decode(done.stdout, type=list[Sample])
    assert [sample.name for sample in samples] == [HAND_WRITTEN, "20", "600"]
    by_hand, *ours = samples
    assert len({sample.digest for sample in ours}) == 1
    for sample in ours:
        assert sample.total > 0
        assert sample.wal > by_hand.wal
        assert {"decode", "load", "apply", "save", "encode events"} == set(sample.python)
        assert {"KNOWN", "PROFILES", "ADD_TRANSACTIONS", "SAVE_PROFILES", "ADD_CHANGES"} <= set(sample.statements)
