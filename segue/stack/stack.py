"""The local stack as a whole: what runs, in which order it starts and stops, and what it leaves for other commands."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from data.database import migrate
from segue.settings import STACK_FILE
from segue.stack.broker import EmbeddedBroker
from segue.stack.lock import StateLock
from segue.stack.postgres import LocalPostgres
from segue.stack.processes import ChildProcess

STORED = ("postgres", "logs", "dataset.txt")
_RESTART_SECONDS = 0.5
_LOOK_SECONDS = 0.25


class StackError(RuntimeError):
    """The local stack can't start; the message says what to do."""


class Stack:
    """Postgres and broker from ``with``; worker and dashboard when asked for; :meth:`watch` keeps those alive.

    Everything lives in one state folder. Postgres finds its data again; the broker starts empty, as a new log.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.resolve()
        self._logs = self.state_dir / "logs"
        self._lock = StateLock(self.state_dir)
        self._children: list[ChildProcess] = []
        self._stopping = Event()
        self._watcher: Thread | None = None

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
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
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
            # The embedded broker makes topics by itself, with four partitions, when they are first used.
            "partitions": "0",
            # It also lets a worker that died go sooner than a real broker would.
            "session_timeout": "3",
        }

    def start_worker(self, environment: Mapping[str, str] | None = None) -> ChildProcess:
        """Start a stream worker, with some more settings in its environment if need be."""
        return self._start("worker", [sys.executable, "-m", "stream_app"], environment or {})

    def start_dashboard(self, port: int) -> ChildProcess:
        """Start the dashboard on a loopback port."""
        return self._start("dashboard", [sys.executable, "-m", "segue", "dashboard", "--port", str(port)], {})

    def watch(self, say: Callable[[str], None]) -> None:
        """From now on, start again what dies, half a second later.

        A dead broker ends the stack (as Ctrl-C would): what it held is gone, so a new start must be a new log.
        """
        self._watcher = Thread(target=self._watch, args=(say,), daemon=True)
        self._watcher.start()

    def wait(self) -> None:
        """Keep running until Ctrl-C."""
        while True:
            self._stopping.wait(3600)

    def _watch(self, say: Callable[[str], None]) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            if not self._broker.alive:
                say(f"the embedded broker has died; see {self._logs / 'broker.log'}, then start again")
                signal.raise_signal(signal.SIGINT)
                return
            for child in self._children:
                if child.exit_code is not None:
                    say(
                        f"the {child.name} has died (exit code {child.exit_code}), starting it again; "
                        f"see {child.log_file}"
                    )
                    if not self._stopping.wait(_RESTART_SECONDS):
                        child.start()
                        self._write_stack_file()

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> ChildProcess:
        settings = {f"SEGUE_{setting.upper()}": value for setting, value in self.settings.items()}
        child = ChildProcess(name, command, {**settings, **environment}, self._logs / f"{name}.log")
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
    """Delete what a stack has stored in a state folder; downloaded datasets stay.

    Raises
    ------
    StackError
        If a stack runs on it.
    """
    lock = StateLock(state_dir)
    if not lock.acquire():
        raise StackError(_running(state_dir))
    try:
        for name in STORED:
            path = state_dir / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    finally:
        lock.release()


def _running(state_dir: Path) -> str:
    return f"a stack is running on {state_dir}; stop it with Ctrl-C, or choose another --state-dir"
