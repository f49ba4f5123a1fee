"""Commands see whether the stack whose file they find still runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from runtime.settings_sources import STACK_FILE
from segue.local.found import missing


def _left_by(pid: int, folder: Path) -> None:
    (folder / STACK_FILE).write_text(json.dumps({"pid": pid, "settings": {}}))


def test_a_folder_without_the_file_has_no_stack(tmp_path: Path) -> None:
    assert missing(tmp_path) == f"no stack runs in {tmp_path}"


def test_a_stack_whose_process_lives_is_there(tmp_path: Path) -> None:
    _left_by(os.getpid(), tmp_path)
    assert missing(tmp_path) is None


def test_a_stack_whose_process_has_died_is_gone(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    _left_by(dead.pid, tmp_path)
    assert missing(tmp_path) == f"the stack in {tmp_path} is gone (process {dead.pid})"
