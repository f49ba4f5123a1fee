"""The local stack as a whole: what runs, in which order it starts and stops, and what it leaves for other commands."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from data.database import migrate
from segue.settings import STACK_FILE
from segue.stack.broker import EmbeddedBroker
from segue.stack.lock import StateLock
from segue.stack.postgres import LocalPostgres
from segue.stack.processes import ChildProcess

_RESTART_SECONDS = 1.0


class StackError(RuntimeError):
    """The local stack can't start; the message says what to do."""


class Stack:
    """Postgres and broker from ``with``; worker and dashboard when asked for.

    Everything lives in one state folder. Postgres finds its data again; the broker starts empty, as a new log.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.resolve()
        self._logs = self.state_dir / "logs"
        self._lock = StateLock(self.state_dir)
        self._children: list[ChildProcess] = []
        self._down_since: dict[str, float] = {}

    def __enter__(self) -> Self:
        if not self._lock.acquire():
            raise StackError(_running(self.state_dir))
        self._logs.mkdir(parents=True, exist_ok=True)
        self._postgres = LocalPostgres.start(self.state_dir / "postgres")
        try:
            migrate(self._postgres.url)
            self._broker = EmbeddedBroker.start(self._logs / "broker.log")
        except BaseException:
            self._postgres.stop()
            raise
        self._write_stack_file()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.stop()
        self._broker.stop()
        self._postgres.stop()
        (self.state_dir / STACK_FILE).unlink(missing_ok=True)
        self._lock.release()

    @property
    def settings(self) -> dict[str, str]:
        """The settings that reach this stack."""
        return {
            "bootstrap_servers": self._broker.bootstrap_servers,
            "database_url": self._postgres.url,
            "log_id": self._broker.log_id,
        }

    def start_worker(self) -> ChildProcess:
        """Start a stream worker; :meth:`supervise` starts it again if it dies."""
        return self._start("worker", [sys.executable, "-m", "segue", "worker"])

    def start_dashboard(self, port: int) -> ChildProcess:
        """Start the dashboard on a loopback port."""
        return self._start("dashboard", [sys.executable, "-m", "segue", "dashboard", "--port", str(port)])

    def supervise(self, say: Callable[[str], None]) -> None:
        """Start again what has died, a second later; to be called now and then.

        Raises
        ------
        StackError
            If the broker has died: what it held is gone, so the stack must start over as a new log.
        """
        if not self._broker.alive:
            raise StackError(f"the embedded broker has died; see {self._logs / 'broker.log'}, then start again")
        for child in self._children:
            if child.exit_code is None:
                continue
            if child.name not in self._down_since:
                say(f"the {child.name} has died (exit code {child.exit_code}), starting it again; see {child.log_file}")
            down_since = self._down_since.setdefault(child.name, time.monotonic())
            if time.monotonic() - down_since >= _RESTART_SECONDS:
                child.start()
                del self._down_since[child.name]

    def _start(self, name: str, command: list[str]) -> ChildProcess:
        environment = {f"SEGUE_{setting.upper()}": value for setting, value in self.settings.items()}
        child = ChildProcess(name, command, environment, self._logs / f"{name}.log")
        child.start()
        self._children.append(child)
        self._write_stack_file()
        return child

    def _write_stack_file(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        content = {
            "pid": os.getpid(),
            "settings": self.settings,
            "processes": {child.name: child.pid for child in self._children},
        }
        draft = self.state_dir / f"{STACK_FILE}.part"
        draft.write_text(json.dumps(content, indent=2))
        draft.chmod(0o600)
        draft.replace(self.state_dir / STACK_FILE)


def clear(state_dir: Path) -> None:
    """Delete a state folder for good.

    Raises
    ------
    StackError
        If a stack runs on it.
    """
    lock = StateLock(state_dir)
    if not lock.acquire():
        raise StackError(_running(state_dir))
    try:
        shutil.rmtree(state_dir)
    finally:
        lock.release()


def _running(state_dir: Path) -> str:
    return f"a stack is running on {state_dir}; stop it with Ctrl-C, or choose another --state-dir"
