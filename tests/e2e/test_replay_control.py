"""An operator's hand on a running replay: it obeys, and what comes out is what an undisturbed run leaves."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row
from typer.testing import CliRunner

from data.datasets.dataset import Dataset
from data.postgres import progress, replay_control
from models.segment_model import SegmentModel
from producers.replay import whole
from segue.cli.app import app
from segue.local.soak.outcome import stored
from tests.e2e.conftest import Undisturbed
from tests.support.local import Local, applied, local, wait_until


def test_a_replay_that_is_paused_resumed_and_sped_up_leaves_what_an_undisturbed_one_leaves(
    dataset: Dataset, model: SegmentModel, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with local(tmp_path, model) as run, run.in_background(dataset, whole(dataset), "20d/s"):
        wait_until(lambda: applied(run) > 500)

        assert "paused at" in _control(run, "pause")
        held = _replay(run)
        # What was on its way arrives; then nothing does.
        wait_until(lambda: applied(run) == held.sent)
        reached = progress.current_watermark(run.postgres)
        _hear_twice(run)
        assert _replay(run).event_time == held.event_time
        assert (_replay(run).sent, applied(run)) == (held.sent, held.sent)
        assert progress.current_watermark(run.postgres) == reached
        assert "replay: " in _status()
        assert " paused at " in _status()

        assert "running at" in _control(run, "resume")
        wait_until(lambda: applied(run) > held.sent)
        # It went on from where it stood: at 20 days a second it can't be years ahead.
        assert (_replay(run).event_time - held.event_time).days < 365

        assert "40d/s" in _control(run, "speed", "40d/s")
        _control(run, "pause")
        assert "running at" in _control(run, "resume")
        assert "max" in _control(run, "speed", "max")
        wait_until(lambda: _replay(run).state == "finished", 120)
        assert _replay(run).sent == len(dataset.transactions)
        assert "no replay is running here" in _control(run, "pause")
        assert stored(run.postgres) == undisturbed.rows
        totals = progress.totals(run.postgres)
        assert (totals.duplicates, totals.late) == (0, 0)


def _replay(run: Local) -> Row[Any]:
    return replay_control.replays(run.postgres)[0]


def _hear_twice(run: Local) -> None:
    for _ in range(2):
        heard = _replay(run).heartbeat_at
        wait_until(lambda heard=heard: _replay(run).heartbeat_at > heard)  # type: ignore[misc]


def _control(run: Local, *arguments: str) -> str:
    """What a command says, and how the replay is once it has obeyed, which may be after the command's patience."""
    result = CliRunner().invoke(app, ["control", *arguments])
    wait_until(lambda: replay_control.has_applied_request(_replay(run)))
    return result.output + str(result.exception or "") + _status()


def _status() -> str:
    return CliRunner().invoke(app, ["status"]).output
