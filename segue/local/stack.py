"""The local stack as a whole: what runs, in which order it starts and stops, and how other commands connect to it."""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import make_url

from data.postgres import roles
from data.postgres.database import engine, migrate
from runtime.errors import SegueError
from runtime.money import Money
from runtime.private_files import private_folder, restrict_tree
from runtime.settings import Settings
from segue.local.apache.broker import ApacheBroker
from segue.local.broker_kind import BrokerKind
from segue.local.embedded_broker import EmbeddedBroker
from segue.local.interrupts import Interrupts
from segue.local.kafka_proxy import KafkaProxy
from segue.local.lock import StateLock
from segue.local.postgres import LocalPostgres
from segue.local.processes import ChildProcess
from segue.local.stack_file import StackFile
from segue.local.supervisor import Broker, Supervisor

_CHECK_SECONDS = 1.0

STORED = ("postgres", "kafka", "logs", "dataset.txt")

_BROKER_SETTINGS: dict[BrokerKind, dict[str, str]] = {
    # The embedded broker has the topics from its start, with four partitions. It removes a dead worker from
    # the group sooner than a real broker would. It accepts Kafka transactions, but does not implement them.
    "embedded": {"partitions": "0", "session_timeout": "3", "exactly_once": "false"},
    "apache": {"partitions": "4", "session_timeout": "6", "exactly_once": "true"},
}


class StackError(SegueError, RuntimeError):
    """The local stack can't start; the message says what to do."""


class Stack:
    """A context manager: Postgres and a broker run inside ``with``; workers and other processes start on request.

    Everything is in one state folder. The data of Postgres and of Apache Kafka survive a restart; the embedded broker
    starts empty, as a new log. Kafka listens on ``port``, if that is free. :meth:`watch` restarts processes that die.
    With a ``proxy``, workers connect to Apache Kafka through it; everything else connects directly.
    Processes and later commands use the currency and the locale of ``money``, unless their environment has others.
    """

    broker: Broker
    postgres: LocalPostgres

    def __init__(
        self,
        state_dir: Path,
        broker: BrokerKind = "embedded",
        port: int | None = None,
        nodes: int = 1,
        proxy: KafkaProxy | None = None,
        money: Money | None = None,
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.proxy = proxy
        self._money = {} if money is None else {"currency": money.currency, "locale": money.locale}
        self._kind = broker
        self._port = port
        self._nodes = nodes
        self._logs = self.state_dir / "logs"
        self._lock = StateLock(self.state_dir)
        self._file = StackFile(self.state_dir)
        self._supervisor = Supervisor(self._logs, self._write_file)
        self._interrupts = Interrupts()

    def __enter__(self) -> Self:
        if not self._lock.acquire():
            raise StackError(_running(self.state_dir))
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            self._interrupts.install()
            undo.callback(self._interrupts.restore)
            try:
                self._start_servers(undo)
                undo.callback(self._file.remove)
                self._write_file()
                undo.callback(self._supervisor.stop)
                self._interrupts.check()
            except BaseException as error:
                self._interrupts.ignore()
                if isinstance(error, RuntimeError):
                    raise StackError(str(error)) from error
                raise
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.ignore()
        self._undo.close()

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which a process connects to this stack."""
        connection = {
            "bootstrap_servers": self.broker.bootstrap_servers,
            "database_url": self.postgres.url,
            "dashboard_database_url": self._dashboard_url,
            "masked_database_url": self._masked_url,
        }
        log_id = {} if self.broker.log_id is None else {"log_id": self.broker.log_id}
        return connection | log_id | self._money | _BROKER_SETTINGS[self._kind]

    @property
    def workers(self) -> list[ChildProcess]:
        """The workers that have been started."""
        return [child for child in self._supervisor.children if child.name.startswith("worker")]

    @property
    def session_timeout(self) -> float:
        """Seconds after which a silent worker loses its partitions."""
        return float(self.settings["session_timeout"])

    def start_workers(self, count: int, environment: Mapping[str, str] | None = None) -> list[ChildProcess]:
        """Start ``count`` more workers, with additional variables in their environment."""
        return [self.start_worker(environment) for _ in range(count)]

    def start_worker(self, environment: Mapping[str, str] | None = None) -> ChildProcess:
        """Start one more worker, with additional variables in its environment."""
        number = 1 + len(self.workers)
        name = "worker" if number == 1 else f"worker-{number}"
        own = {"SEGUE_WORKER_ID": name, "SEGUE_DATABASE_URL": self._worker_url}
        if self.proxy is not None:
            own["SEGUE_BOOTSTRAP_SERVERS"] = self.proxy.servers
        return self._start(name, [sys.executable, "-m", "stream_app"], own | dict(environment or {}))

    def dismiss(self, child: ChildProcess) -> None:
        """Stop a process permanently."""
        self._supervisor.dismiss(child)

    def start_dashboard(self, port: int, operator: bool = False) -> ChildProcess:
        """Start the dashboard on a loopback port; unless ``operator``, it can only read."""
        command = [sys.executable, "-m", "segue", "dashboard", "--port", str(port)]
        if operator:
            return self._start("dashboard", [*command, "--operator"], {})
        return self._start("dashboard", command, {"SEGUE_DATABASE_URL": self._dashboard_url})

    def start_drift(self, *arguments: str) -> ChildProcess:
        """Start the drift observer."""
        command = [sys.executable, "-m", "segue", "drift", "watch", *arguments]
        return self._start("drift", command, {"SEGUE_DATABASE_URL": self._drift_url})

    def start_clock(self, *arguments: str) -> ChildProcess:
        """Start a clock, which ticks from the wall clock."""
        number = 1 + sum(child.name.startswith("clock") for child in self._supervisor.children)
        name = "clock" if number == 1 else f"clock-{number}"
        command = [sys.executable, "-m", "segue", "clock", *arguments]
        return self._start(name, command, {"SEGUE_DATABASE_URL": self._clock_url})

    def start_api(self, port: int, *arguments: str) -> ChildProcess:
        """Start the HTTP API on a loopback port."""
        command = [sys.executable, "-m", "segue", "api", "--port", str(port), *arguments]
        return self._start("api", command, {"SEGUE_DATABASE_URL": self._api_url})

    def start_ingest(self, topic: str, mapping: Path, *arguments: str) -> ChildProcess:
        """Start ingestion of a topic's orders. It needs no Postgres."""
        number = 1 + sum(child.name.startswith("ingest") for child in self._supervisor.children)
        name = "ingest" if number == 1 else f"ingest-{number}"
        options = ["--topic", topic, "--mapping", str(mapping.absolute()), *arguments]
        own = {"SEGUE_WORKER_ID": name, "SEGUE_DATABASE_URL": ""}
        return self._start(name, [sys.executable, "-m", "segue", "ingest", *options], own)

    def watch(self, say: Callable[[str], None]) -> None:
        """From now on, restart what dies, and report it to ``say``."""
        self._supervisor.watch(self.postgres, self.broker, say)

    def wait(self) -> None:
        """Block until Ctrl-C."""
        while True:
            self._interrupts.check()
            self._supervisor.wait(_CHECK_SECONDS)

    def _start_servers(self, undo: ExitStack) -> None:
        """Start Postgres and the broker; ``undo`` stops what has been started."""
        private_folder(self._logs)
        restrict_tree(self.state_dir)
        # Interrupted halfway, a server would run on without a process that knows it.
        with self._interrupts.held():
            self.postgres = LocalPostgres.start(self.state_dir / "postgres")
            undo.callback(self.postgres.stop)
        migrate(self.postgres.url)
        self._worker_url = self._login(roles.WORKER)
        self._dashboard_url = self._login(roles.DASHBOARD)
        self._masked_url = self._login(roles.MASKED)
        self._drift_url = self._login(roles.DRIFT)
        self._clock_url = self._login(roles.CLOCK)
        self._api_url = self._login(roles.API)
        self.broker = self._start_broker()
        undo.callback(self.broker.stop)

    def _login(self, role: roles.Role) -> str:
        """Return the database URL of a user with one role's rights; the local server needs no password."""
        owner = engine(self.postgres.url)
        user = roles.make_login(owner, role, None)
        owner.dispose()
        return make_url(self.postgres.url).set(username=user).render_as_string(hide_password=False)

    def _start_broker(self) -> Broker:
        if self._kind == "embedded":
            return EmbeddedBroker.start(
                self._logs / "broker.log", Settings(state_dir=self.state_dir).topics.configuration
            )
        return ApacheBroker.start(
            self.state_dir / "kafka", self._logs / "kafka.log", self._port, self._nodes, self.proxy
        )

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> ChildProcess:
        self._interrupts.check()
        settings = {f"SEGUE_{setting.upper()}": value for setting, value in self.settings.items()}
        return self._supervisor.start(name, command, {**settings, **environment})

    def _write_file(self) -> None:
        self._file.write(self.settings, self._supervisor.children)


def clear(state_dir: Path) -> None:
    """Delete what a stack has stored in a state folder; downloaded datasets are kept.

    Raises
    ------
    StackError
        If a stack is running on the folder.
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
