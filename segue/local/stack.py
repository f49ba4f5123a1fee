"""The local stack as a whole: what runs, in which order it starts and stops, and what it leaves for other commands."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Literal, Self

from sqlalchemy import make_url

from data.postgres import roles
from data.postgres.database import engine, migrate
from runtime.settings import STACK_FILE
from segue.local.apache.broker import ApacheBroker
from segue.local.embedded_broker import EmbeddedBroker
from segue.local.lock import StateLock
from segue.local.postgres import LocalPostgres
from segue.local.processes import ChildProcess
from segue.local.restarts import Restart

BrokerKind = Literal["embedded", "apache"]

STORED = ("postgres", "kafka", "logs", "dataset.txt")
_LOOK_SECONDS = 0.25

_OF_BROKER: dict[BrokerKind, dict[str, str]] = {
    # It makes topics by itself, with four partitions, when they are first used; and it lets a worker that died go
    # sooner than a real broker would. It takes transactions, but they mean nothing to it.
    "embedded": {"partitions": "0", "session_timeout": "3", "exactly_once": "false"},
    "apache": {"partitions": "4", "session_timeout": "6", "exactly_once": "true"},
}


class StackError(RuntimeError):
    """The local stack can't start; the message says what to do."""


class Stack:
    """Postgres and broker from ``with``; workers and dashboard when asked for; :meth:`watch` keeps those alive.

    Everything lives in one state folder. Postgres finds its data again, and so does Apache Kafka; the embedded broker
    starts empty, as a new log. Kafka is set up on ``port``, if that is free.
    """

    broker: EmbeddedBroker | ApacheBroker
    postgres: LocalPostgres

    def __init__(
        self, state_dir: Path, broker: BrokerKind = "embedded", port: int | None = None, nodes: int = 1
    ) -> None:
        self.state_dir = state_dir.resolve()
        self._kind = broker
        self._port = port
        self._nodes = nodes
        self._logs = self.state_dir / "logs"
        self._lock = StateLock(self.state_dir)
        self._children: list[ChildProcess] = []
        self._restarts: dict[str, Restart] = {}
        self._stopping = Event()
        self._writing = Lock()
        self._watcher: Thread | None = None

    def __enter__(self) -> Self:
        if not self._lock.acquire():
            raise StackError(_running(self.state_dir))
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            self.postgres = LocalPostgres.start(self.state_dir / "postgres")
            with self._postgres_stopped_on_error():
                migrate(self.postgres.url)
                self._worker_url = self._login(roles.WORKER)
                self._dashboard_url = self._login(roles.DASHBOARD)
                self._drift_url = self._login(roles.DRIFT)
                self.broker = self._start_broker()
        except RuntimeError as error:
            raise StackError(str(error)) from error
        self._write_stack_file()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        with ThreadPoolExecutor() as pool:
            list(pool.map(ChildProcess.stop, self._children))
        self.broker.stop()
        self.postgres.stop()
        (self.state_dir / STACK_FILE).unlink(missing_ok=True)
        self._lock.release()

    @property
    def settings(self) -> dict[str, str]:
        """The settings that reach this stack."""
        reached = {
            "bootstrap_servers": self.broker.bootstrap_servers,
            "database_url": self.postgres.url,
            "dashboard_database_url": self._dashboard_url,
        }
        log_id = {} if self.broker.log_id is None else {"log_id": self.broker.log_id}
        return reached | log_id | _OF_BROKER[self._kind]

    @property
    def workers(self) -> list[ChildProcess]:
        """The workers that have been started."""
        return [child for child in self._children if child.name.startswith("worker")]

    @property
    def session_timeout(self) -> float:
        """Seconds after which a silent worker loses its partitions."""
        return float(self.settings["session_timeout"])

    def start_workers(self, count: int, environment: Mapping[str, str] | None = None) -> list[ChildProcess]:
        """Start some (more) stream workers, with further settings in their environment if need be."""
        return [self.start_worker(environment) for _ in range(count)]

    def start_worker(self, environment: Mapping[str, str] | None = None) -> ChildProcess:
        """Start a (further) stream worker."""
        number = 1 + len(self.workers)
        name = "worker" if number == 1 else f"worker-{number}"
        own = {"SEGUE_WORKER_ID": name, "SEGUE_DATABASE_URL": self._worker_url}
        return self._start(name, [sys.executable, "-m", "stream_app"], own | dict(environment or {}))

    def dismiss(self, child: ChildProcess) -> None:
        """Stop a process for good."""
        self._children.remove(child)
        child.stop()
        self._write_stack_file()

    def start_dashboard(self, port: int, operator: bool = False) -> ChildProcess:
        """Start the dashboard on a loopback port, with an operator's controls or with the right to read only."""
        command = [sys.executable, "-m", "segue", "dashboard", "--port", str(port)]
        if operator:
            return self._start("dashboard", [*command, "--operator"], {})
        return self._start("dashboard", command, {"SEGUE_DATABASE_URL": self._dashboard_url})

    def start_drift(self, *arguments: str) -> ChildProcess:
        """Start the drift observer."""
        command = [sys.executable, "-m", "segue", "drift", "watch", *arguments]
        return self._start("drift", command, {"SEGUE_DATABASE_URL": self._drift_url})

    def watch(self, say: Callable[[str], None]) -> None:
        """From now on, start again what dies: half a second later, or later if it has died again and again.

        A dead embedded broker ends the stack (as Ctrl-C would): what it held is gone, so a new start must be a new log.
        """
        self._watcher = Thread(target=self._watch, args=(say,), daemon=True)
        self._watcher.start()

    def wait(self) -> None:
        """Keep running until Ctrl-C."""
        while True:
            self._stopping.wait(3600)

    @contextmanager
    def _postgres_stopped_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.postgres.stop()
            raise

    def _login(self, role: roles.Role) -> str:
        """The database URL of a user who has just a role's rights; the server trusts who reaches its socket."""
        owner = engine(self.postgres.url)
        user = roles.make_login(owner, role, None)
        owner.dispose()
        return make_url(self.postgres.url).set(username=user).render_as_string(hide_password=False)

    def _start_broker(self) -> EmbeddedBroker | ApacheBroker:
        if self._kind == "embedded":
            return EmbeddedBroker.start(self._logs / "broker.log")
        return ApacheBroker.start(self.state_dir / "kafka", self._logs / "kafka.log", self._port, self._nodes)

    def _watch(self, say: Callable[[str], None]) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            if self.broker.died and not self._revived(say):
                signal.raise_signal(signal.SIGINT)
                return
            for child in list(self._children):
                self._look_after(child, say)

    def _look_after(self, child: ChildProcess, say: Callable[[str], None]) -> None:
        """Start a child again that has died, once it is time to."""
        restart, now = self._restarts[child.name], time.monotonic()
        if child.exit_code is None:
            return
        if restart.died(now):
            say(f"the {child.name} has died (exit code {child.exit_code}), starting it again; see {child.log_file}")
        elif restart.due(now):
            child.start()
            restart.started(now)
            self._write_stack_file()

    def _revived(self, say: Callable[[str], None]) -> bool:
        """Start a dead broker again, if it has kept what it held."""
        if isinstance(self.broker, EmbeddedBroker):
            say(f"the embedded broker has died; see {self._logs / 'broker.log'}, then start again")
            return False
        say(f"Apache Kafka has died, starting it again; see {self._logs / 'kafka.log'}")
        try:
            self.broker.restart()
        except RuntimeError as error:
            say(str(error))
            return False
        return True

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> ChildProcess:
        settings = {f"SEGUE_{setting.upper()}": value for setting, value in self.settings.items()}
        child = ChildProcess(name, command, {**settings, **environment}, self._logs / f"{name}.log")
        child.start()
        self._restarts[name] = Restart(time.monotonic())
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
        # Whoever watches writes it, too.
        with self._writing:
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
