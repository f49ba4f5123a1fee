"""Keeps Postgres, the broker and the child processes of a local stack running."""

import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

from segue.local.apache.broker import ApacheBroker
from segue.local.embedded_broker import EmbeddedBroker
from segue.local.postgres import LocalPostgres
from segue.local.processes import ChildProcess
from segue.local.restarts import Restart

Broker = EmbeddedBroker | ApacheBroker

_CHECK_SECONDS = 0.25


class Supervisor:
    """The children of a stack. ``changed`` is called whenever a process id has changed."""

    def __init__(self, logs: Path, changed: Callable[[], None]) -> None:
        self._logs = logs
        self._changed = changed
        self.children: list[ChildProcess] = []
        self._restarts: dict[str, Restart] = {}
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> ChildProcess:
        """Start a child that logs to a file with its name."""
        child = ChildProcess(name, command, environment, self._logs / f"{name}.log")
        child.start()
        self._restarts[name] = Restart(time.monotonic())
        self.children.append(child)
        self._changed()
        return child

    def dismiss(self, child: ChildProcess) -> None:
        """Stop a child permanently."""
        self.children.remove(child)
        child.stop()
        self._changed()

    def watch(self, postgres: LocalPostgres, broker: Broker, say: Callable[[str], None]) -> None:
        """From now on, restart what dies: half a second later, or later if it keeps dying.

        A dead embedded broker ends the stack, as Ctrl-C would: its log is lost, so the next start needs a new log.
        """
        self._thread = Thread(target=self._watch, args=(postgres, broker, say), daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Block for some seconds, or until the children are being stopped."""
        self._stopping.wait(seconds)

    def stop(self) -> None:
        """Stop watching, then stop all children at the same time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with ThreadPoolExecutor() as pool:
            list(pool.map(ChildProcess.stop, self.children))

    def _watch(self, postgres: LocalPostgres, broker: Broker, say: Callable[[str], None]) -> None:
        restart = Restart(time.monotonic())
        while not self._stopping.wait(_CHECK_SECONDS):
            if postgres.died:
                self._revive(postgres, restart, say)
            if broker.died and not self._revived(broker, say):
                # What a shell starts in the background ignores SIGINT.
                signal.raise_signal(signal.SIGTERM)
                return
            for child in list(self.children):
                self._restart_if_due(child, say)

    def _restart_if_due(self, child: ChildProcess, say: Callable[[str], None]) -> None:
        restart, now = self._restarts[child.name], time.monotonic()
        if child.exit_code is None:
            return
        if restart.died(now):
            say(f"{child.name} has died (exit code {child.exit_code}) and will be restarted; see {child.log_file}")
        elif restart.due(now):
            child.start()
            restart.started(now)
            self._changed()

    def _revive(self, postgres: LocalPostgres, restart: Restart, say: Callable[[str], None]) -> None:
        now = time.monotonic()
        if restart.died(now):
            say(f"Postgres has died and is being restarted; see {postgres.log_file}")
        elif restart.due(now) and postgres.revive():
            restart.started(time.monotonic())
            say("Postgres is running again")

    def _revived(self, broker: Broker, say: Callable[[str], None]) -> bool:
        """Restart a dead broker; return False if that is impossible or has failed."""
        if isinstance(broker, EmbeddedBroker):
            say(f"the embedded broker has died; see {self._logs / 'broker.log'}, then start again")
            return False
        say(f"Apache Kafka has died and is being restarted; see {self._logs / 'kafka.log'}")
        try:
            broker.restart()
        except RuntimeError as error:
            say(str(error))
            return False
        return True
