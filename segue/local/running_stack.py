"""Finds a local stack by the file in its state folder, and checks whether it is still running."""

import os
from pathlib import Path
from typing import Any

import msgspec

from runtime.settings_sources import STACK_FILE


def stack_settings(state_dir: Path) -> dict[str, Any]:
    """Return the settings that the last stack on a folder wrote for other commands; empty if it was stopped cleanly."""
    return dict(_content(state_dir).get("settings", {}))


def not_running_reason(state_dir: Path) -> str | None:
    """Return why no stack is running on a folder, as text; None if one is."""
    content = _content(state_dir)
    if not content:
        return f"no stack is running in {state_dir.resolve()}"
    return (
        None if _is_alive(content["pid"]) else f"the stack in {state_dir.resolve()} is gone (process {content['pid']})"
    )


def _content(state_dir: Path) -> dict[str, Any]:
    try:
        return dict(msgspec.json.decode((state_dir / STACK_FILE).read_bytes()))
    except FileNotFoundError:
        return {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
