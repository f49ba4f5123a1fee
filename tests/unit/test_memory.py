"""Folders in memory for the Postgres servers of tests."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.memory import folder_in_memory

_HOLDS = """
import sys
from pathlib import Path
from tests.support.memory import folder_in_memory
with folder_in_memory(Path("unused"), Path(sys.argv[1]), 0) as folder:
    folder.mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_there_while_it_is_used_and_gone_afterwards(tmp_path: Path) -> None:
    with folder_in_memory(Path("unused"), tmp_path, 0) as folder:
        folder.mkdir()
        (folder / "file").write_text("data")
        assert tmp_path in folder.parents
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_where_memory_is_short_the_other_folder_is_used(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for memory, room in ((tmp_path, 10**18), (tmp_path / "missing", 0)):
        with folder_in_memory(other, memory, room) as folder:
            assert folder == other
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_has_gone_since_it_was_listed_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder_in_memory(Path("unused"), tmp_path, 0) as folder:
        gone = folder.parent
    monkeypatch.setattr(Path, "glob", lambda *_: [gone])
    with folder_in_memory(Path("unused"), tmp_path, 0) as folder:
        assert folder.parent.is_dir()


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one_and_no_earlier(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        with folder_in_memory(Path("unused"), tmp_path, 0):
            assert held.is_dir()
        holder.send_signal(signal.SIGKILL)
    with folder_in_memory(Path("unused"), tmp_path, 0):
        assert not held.exists()
