"""Commands can tell whether the stack that wrote a state folder's file is still running."""

import json
import os
import subprocess
import sys
from pathlib import Path

from runtime.settings_sources import STACK_FILE
from segue.local.running_stack import not_running_reason


def _write_stack_file(pid: int, folder: Path) -> None:
    (folder / STACK_FILE).write_text(json.dumps({"pid": pid, "settings": {}}))


def test_a_folder_without_the_file_has_no_stack(tmp_path: Path) -> None:
    assert not_running_reason(tmp_path) == f"no stack is running in {tmp_path}"


def test_a_stack_whose_process_is_alive_is_running(tmp_path: Path) -> None:
    _write_stack_file(os.getpid(), tmp_path)
    assert not_running_reason(tmp_path) is None


def test_a_stack_whose_process_has_died_is_gone(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    _write_stack_file(dead.pid, tmp_path)
    assert not_running_reason(tmp_path) == f"the stack in {tmp_path} is gone (process {dead.pid})"
