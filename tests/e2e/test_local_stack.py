"""The local stack keeps its Postgres running, leaves nothing behind, and hides its folder from other users."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from data.postgres import progress
from models.segment_model import SegmentModel
from tests.support.commands import tried
from tests.support.local_stack import PATIENCE, applied, local, wait_until
from tests.support.retail import small
from tests.support.signals import heard, interrupts_ignored
from tests.support.web import dashboard_address

# Postgres can't run as root: its user, who is in root's group, may pass through root's folders.
_RIGHTS_OF_OTHERS = 0o067 if os.geteuid() == 0 else 0o077
SEGUE = [sys.executable, "-m", "segue"]


def test_a_killed_postgres_is_restarted_and_the_worker_goes_on(tmp_path: Path, model: SegmentModel) -> None:
    with local(tmp_path, model) as run:
        killed = _postmaster(tmp_path)
        os.kill(killed, signal.SIGKILL)
        # That it is gone is soon over: the stack starts another one.
        wait_until(lambda: _is_started_again(tmp_path, killed))
        wait_until(lambda: not run.stack.postgres.died)
        worker = run.worker.pid
        run.replay(small())
        assert applied(run) == len(small().transactions)
        wait_until(lambda: not progress.unpublished(run.postgres))
        assert run.worker.pid == worker


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_every_process_is_gone_after_several_signals(tmp_path: Path, second: signal.Signals) -> None:
    with _up(tmp_path) as stack:
        children = [*psutil.Process(stack.pid).children(recursive=True), psutil.Process(_postmaster(tmp_path))]
        assert len(children) >= 4
        for received in (signal.SIGTERM, *[second] * 20):
            stack.send_signal(received)
            time.sleep(0.05)
        stack.wait(PATIENCE)
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
        assert not (tmp_path / "stack.json").exists()


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5])
def test_every_process_is_gone_after_a_signal_during_the_start(tmp_path: Path, seconds: float) -> None:
    with _started(tmp_path) as stack:
        time.sleep(seconds)
        for _ in range(3):
            stack.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        stack.wait(PATIENCE)
        wait_until(lambda: not _using(tmp_path))


def test_a_closed_terminal_stops_the_stack(tmp_path: Path) -> None:
    with _up(tmp_path) as stack:
        stack.send_signal(signal.SIGHUP)
        stack.wait(PATIENCE)
        wait_until(lambda: not _using(tmp_path))


def test_down_stops_a_stack_that_a_shell_has_started_in_the_background(tmp_path: Path) -> None:
    with _up(tmp_path, interrupts_ignored) as stack:
        wait_until(lambda: "Ctrl-C stops." in _said(tmp_path).read_text())
        # Any free port is printed as the one that the dashboard is to listen on.
        port = dashboard_address(_said(tmp_path).read_text()).rpartition(":")[2]
        wait_until(lambda: port in psutil.Process(_processes(tmp_path)["dashboard"]).cmdline())
        assert "Stopped." in tried(tmp_path, "down").stderr
        assert stack.wait(PATIENCE) is not None
        wait_until(lambda: not _using(tmp_path))


def test_a_worker_makes_no_temporary_folder(tmp_path: Path, model: SegmentModel) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with local(tmp_path / "stack", model, {"TMPDIR": str(temporary)}) as run:
        assert list(temporary.iterdir()) == []
        os.kill(run.worker.pid, signal.SIGKILL)
    assert list(temporary.iterdir()) == []


def test_other_users_can_read_nothing_in_the_state_folder(tmp_path: Path, model: SegmentModel) -> None:
    folder = tmp_path / "state"
    (folder / "datasets").mkdir(parents=True, mode=0o755)
    (folder / "datasets" / "shop.csv").write_text("a customer")
    (folder / "datasets" / "shop.csv").chmod(0o644)
    folder.chmod(0o755)
    with local(folder, model):
        assert not folder.stat().st_mode & _RIGHTS_OF_OTHERS
        assert _readable_by_others(folder) == []
        (socket,) = [path for path in _sockets(folder) if path.is_socket()]
        assert not socket.stat().st_mode & 0o077
    assert _readable_by_others(folder) == []


def _sockets(folder: Path) -> list[Path]:
    directory = Path((folder / "postgres" / "postmaster.pid").read_text().splitlines()[4])
    return [*directory.glob(".s.PGSQL.5432")]


def _readable_by_others(folder: Path) -> list[str]:
    found = []
    for place, folders, files in os.walk(folder):
        paths = [Path(place) / name for name in (*folders, *files)]
        found += [str(path) for path in paths if path.lstat().st_mode & _RIGHTS_OF_OTHERS and not path.is_symlink()]
        # Nobody else can open Postgres' own folder.
        folders[:] = [name for name in folders if name != "postgres"]
    return found


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _is_started_again(folder: Path, killed: int) -> bool:
    """Whether another Postgres server has taken the place of a killed one."""
    try:
        return _postmaster(folder) != killed
    except (FileNotFoundError, IndexError, ValueError):
        # A server that is starting writes the file anew.
        return False


def _using(folder: Path) -> list[str]:
    """Command lines of the processes that name a folder, or have it in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                text = " ".join([*process.cmdline(), *process.environ().values()])
                found += [text] if re.search(rf"{re.escape(str(folder))}\b", text) else []
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@contextmanager
def _started(folder: Path, signals: Callable[[], None] = heard) -> Iterator["subprocess.Popen[bytes]"]:
    """``segue up`` on a folder; ended at the end of the block, with everything that it has started."""
    environment = os.environ | {"SEGUE_STATE_DIR": str(folder)}
    with _said(folder).open("w") as stderr:
        command = [*SEGUE, "up", "--port", "0"]
        stack = subprocess.Popen(command, env=environment, stderr=stderr, preexec_fn=signals)
    try:
        yield stack
    finally:
        if stack.poll() is None:
            stack.terminate()
            stack.wait(PATIENCE)


@contextmanager
def _up(folder: Path, signals: Callable[[], None] = heard) -> Iterator["subprocess.Popen[bytes]"]:
    with _started(folder, signals) as stack:
        wait_until(lambda: _processes(folder).keys() >= {"worker", "dashboard"})
        yield stack


def _said(folder: Path) -> Path:
    """The file of what ``segue up`` on a folder prints."""
    return folder.with_name(f"{folder.name}-said")


def _processes(folder: Path) -> dict[str, int]:
    """The ids of the stack's processes, by name."""
    try:
        found: dict[str, int] = msgspec.json.decode((folder / "stack.json").read_bytes())["processes"]
    except FileNotFoundError:
        return {}
    return found
