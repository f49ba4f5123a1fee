"""A running stream keeps its currency: workers and replays with another one are refused, and change nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.datasets import synthetic
from models.segment_model import SegmentModel
from tests.support.local_stack import applied, local
from tests.support.retail import retail

REFUSED = "the stream's amounts are in GBP, not in EUR: set SEGUE_CURRENCY to GBP"


def test_a_worker_and_a_replay_with_another_currency_are_refused(
    tmp_path: Path, model: SegmentModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.csv"
    synthetic.write(synthetic.generate(customers=5, days=5, seed=2), file)
    with local(tmp_path / "state", model) as run:
        run.replay(retail())
        known = applied(run)
        environment = os.environ | {"SEGUE_STATE_DIR": str(tmp_path / "state"), "SEGUE_CURRENCY": "EUR"}
        for module in (("stream_app",), ("segue", "worker"), ("segue", "replay", str(file), "--mix")):
            command = [sys.executable, "-m", *module]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 1, done.stderr
            assert REFUSED in " ".join(done.stderr.split())
            assert "Traceback" not in done.stderr
        assert applied(run) == known
