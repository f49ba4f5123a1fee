"""Commands can tell whether the stack that wrote a state folder's file is still running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import SegueError
from runtime.running_stack import STACK_FILE, connection, not_running_reason
from segue.local.lock import StateLock


def _write_stack_file(pid: int, folder: Path) -> None:
    (folder / STACK_FILE).write_text(json.dumps({"pid": pid, "settings": {}}))


def test_a_folder_without_the_file_has_no_stack(tmp_path: Path) -> None:
    assert not_running_reason(tmp_path) == f"no stack is running in {tmp_path}"


def test_a_stack_whose_process_is_alive_is_running(tmp_path: Path) -> None:
    _write_stack_file(os.getpid(), tmp_path)
    assert not_running_reason(tmp_path) is None


def test_a_stack_that_no_longer_holds_its_lock_is_gone_even_if_its_process_id_is_in_use(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    assert lock.acquire()
    _write_stack_file(os.getpid(), tmp_path)
    assert not_running_reason(tmp_path) is None
    lock.release()
    assert not_running_reason(tmp_path) == f"the stack in {tmp_path} is gone (process {os.getpid()})"
    assert lock.acquire()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / STACK_FILE).write_bytes(content)
    with pytest.raises(SegueError, match=rf"{STACK_FILE} is damaged"):
        connection(tmp_path)


def test_a_file_as_state_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SegueError, match="is not a folder"):
        connection(file)


def test_a_stack_whose_process_has_died_is_gone(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    _write_stack_file(dead.pid, tmp_path)
    assert not_running_reason(tmp_path) == f"the stack in {tmp_path} is gone (process {dead.pid})"
