"""A running replay obeys its controls, and its result is that of an undisturbed run."""

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
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.undisturbed import Undisturbed


def test_a_replay_that_is_paused_resumed_and_sped_up_leaves_what_an_undisturbed_one_leaves(
    medium_dataset: Dataset,
    medium_model: SegmentModel,
    medium_undisturbed: Undisturbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with local(tmp_path, medium_model) as run, run.in_background(medium_dataset, whole(medium_dataset), "5d/s"):
        wait_until(lambda: applied(run) > 100)

        assert "paused at" in _control(run, "pause")
        held = _replay(run)
        # Records that were already sent arrive; then none do.
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
        # It continued from where it was paused: at 5 days a second it can't be years ahead.
        assert (_replay(run).event_time - held.event_time).days < 365

        assert "10d/s" in _control(run, "speed", "10d/s")
        _control(run, "pause")
        assert "running at" in _control(run, "resume")
        assert "max" in _control(run, "speed", "max")
        wait_until(lambda: _replay(run).state == "finished")
        assert _replay(run).sent == len(medium_dataset.transactions)
        assert "no replay is running here" in _control(run, "pause")
        assert stored(run.postgres) == medium_undisturbed.rows
        totals = progress.totals(run.postgres)
        assert (totals.duplicates, totals.late) == (0, 0)


def _replay(run: Local) -> Row[Any]:
    return replay_control.replays(run.postgres)[0]


def _hear_twice(run: Local) -> None:
    for _ in range(2):
        heard = _replay(run).heartbeat_at
        wait_until(lambda heard=heard: _replay(run).heartbeat_at > heard)  # type: ignore[misc]


def _control(run: Local, *arguments: str) -> str:
    """The output of a command, and the status of the replay once it has obeyed, even if the command gave up waiting."""
    result = CliRunner().invoke(app, ["control", *arguments])
    wait_until(lambda: replay_control.has_applied_request(_replay(run)))
    return result.output + str(result.exception or "") + _status()


def _status() -> str:
    return CliRunner().invoke(app, ["status"]).output
