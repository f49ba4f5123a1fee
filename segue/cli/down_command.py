"""``segue down``: stop the stack of a state folder."""

import contextlib
import os
import signal
import time
from pathlib import Path

import typer

from runtime.running_stack import not_running_reason, process_id
from segue.cli import options
from segue.cli.console import fail, messages, spinner

_PATIENCE_SECONDS = 120
_CHECK_SECONDS = 0.2


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(down)


def down(state_dir: options.StateDir = Path(".segue")) -> None:
    """Stop the stack that `segue up` or `segue demo` runs on a state folder, as Ctrl-C does; its data is kept."""
    reason = not_running_reason(state_dir)
    pid = process_id(state_dir)
    if reason is not None or pid is None:
        messages.print(f"Nothing to stop: {reason}.", soft_wrap=True, markup=False)
        return
    with contextlib.suppress(ProcessLookupError):
        # What a shell starts in the background ignores SIGINT.
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with spinner("Stopping"):
        while not_running_reason(state_dir) is None:
            if time.monotonic() > deadline:
                fail(f"process {pid} has not stopped for {_PATIENCE_SECONDS} seconds; see the logs in {state_dir}")
            time.sleep(_CHECK_SECONDS)
    messages.print("Stopped.")
