"""The local stack that commands find by the file in its state folder, and whether it still runs."""

import os
from pathlib import Path
from typing import Any

import msgspec

from runtime.settings_sources import STACK_FILE


def left_by(state_dir: Path) -> dict[str, Any]:
    """The settings that the last stack on a folder has left for other commands; none if it has ended properly."""
    return dict(_content(state_dir).get("settings", {}))


def missing(state_dir: Path) -> str | None:
    """Why no stack runs on a folder, in words; None where one does."""
    content = _content(state_dir)
    if not content:
        return f"no stack runs in {state_dir.resolve()}"
    return None if _lives(content["pid"]) else f"the stack in {state_dir.resolve()} is gone (process {content['pid']})"


def _content(state_dir: Path) -> dict[str, Any]:
    try:
        return dict(msgspec.json.decode((state_dir / STACK_FILE).read_bytes()))
    except FileNotFoundError:
        return {}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
