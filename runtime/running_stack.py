"""Finds a local stack by the file in its state folder, and checks whether it is still running."""

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from runtime.errors import SegueError

STACK_FILE = "stack.json"
LOCK_FILE = "lock"


def connection(state_dir: Path) -> dict[str, Any]:
    """Return the settings with which to connect to the stack of a folder; empty if none is running.

    Raises
    ------
    SegueError
        If the folder or the stack's file can't be read.
    """
    content = _content(state_dir)
    return dict(content.get("settings", {})) if content and _is_running(state_dir, content) else {}


def not_running_reason(state_dir: Path) -> str | None:
    """Return why no stack is running on a folder, as text; None if one is.

    Raises
    ------
    SegueError
        If the folder or the stack's file can't be read.
    """
    content = _content(state_dir)
    if not content:
        return f"no stack is running in {state_dir.resolve()}"
    if _is_running(state_dir, content):
        return None
    return f"the stack in {state_dir.resolve()} is gone (process {content.get('pid')})"


def process_id(state_dir: Path) -> int | None:
    """Return the process that the stack of a folder runs in, whether it is still running or not."""
    found = _content(state_dir).get("pid")
    return found if isinstance(found, int) else None


def _content(state_dir: Path) -> dict[str, Any]:
    file = state_dir / STACK_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise SegueError(f"the state folder {state_dir} is not a folder: choose another one") from None
    except OSError as error:
        raise SegueError(f"can't read {file} ({error.strerror}): choose another state folder") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SegueError(f"{file} is damaged: delete it if no stack is running there") from None


def _is_running(state_dir: Path, content: dict[str, Any]) -> bool:
    """Whether the stack holds its lock; where that can't be seen, whether its process exists."""
    try:
        with (state_dir / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return _is_alive(content.get("pid"))
    return False


def _is_alive(pid: Any) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError, TypeError):
        return False
    return True
