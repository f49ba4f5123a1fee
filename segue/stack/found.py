"""Whether a local stack runs on a state folder, by the file that it leaves there for other commands."""

import os
from pathlib import Path

import msgspec

from segue.settings import STACK_FILE


def missing(state_dir: Path) -> str | None:
    """Why no stack runs on a folder, in words; None where one does."""
    folder = state_dir.resolve()
    try:
        pid = int(msgspec.json.decode((folder / STACK_FILE).read_bytes())["pid"])
    except FileNotFoundError:
        return f"no stack runs in {folder}"
    return None if _lives(pid) else f"the stack in {folder} is gone (process {pid})"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
