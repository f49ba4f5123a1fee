"""``segue`` commands in this process."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from typer.main import get_group

from segue.cli import main
from segue.cli.app import app


class Done(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def segue(state_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed, on the stack of a state folder; returns its standard output."""
    done = tried(state_dir, *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tried(state_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command that may fail, on the stack of a state folder, in this process: a new one costs a second of CPU."""
    own = {"SEGUE_STATE_DIR": str(state_dir)} | dict(environment or {})
    with patch.dict(os.environ, own):
        return in_process(*arguments)


def parse(*arguments: str) -> None:
    """Parse the options and arguments of a command as a run would, without running it."""
    found: Any = get_group(app)
    command, left = "segue", list(arguments)
    while hasattr(found, "commands"):
        command, *left = left
        found = found.commands[command]
    found.make_context(command, left)


def in_process(*arguments: str) -> Done:
    """Run a command in this process, which is faster than starting a new one."""
    out, err = io.StringIO(), io.StringIO()
    before = signal.getsignal(signal.SIGTERM)
    words, sys.argv = sys.argv, ["segue", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        raise AssertionError("a command ends with an exit code")
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = words
        signal.signal(signal.SIGTERM, before)
    if isinstance(code, str):
        # Python prints such a text, and exits with 1.
        return Done(1, out.getvalue(), err.getvalue() + code)
    return Done(code, out.getvalue(), err.getvalue())
