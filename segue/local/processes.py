"""Child processes of the local stack: each has settings in its environment, and logs to its own file."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runtime.private_files import UMASK, open_private

_PR_SET_PDEATHSIG = 1


class ChildProcess:
    """A command that runs as a child process and can be restarted."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log_file: Path) -> None:
        self.name = name
        self._command = command
        self._environment = {**os.environ, **environment}
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command in a new session, so that Ctrl-C in the terminal does not reach it."""
        with open_private(self.log_file, "a") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=UMASK,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    @property
    def pid(self) -> int:
        """Process id of the running command."""
        assert self._process is not None  # noqa: S101 - only started children have a process id
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs or before it was started."""
        return None if self._process is None else self._process.poll()

    def stop(self, patience: float = 15) -> None:
        """Send SIGTERM, and SIGKILL if the process still runs ``patience`` seconds later."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
