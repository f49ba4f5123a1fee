"""One contender at work: its process, and what the benchmark sees of it."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psycopg

from benchmarks.compare.contenders import Contender, Place
from benchmarks.compare.servers import BenchmarkError, Servers
from benchmarks.compare.usage import Cpu, peak_mebibytes
from segue.local.processes import ChildProcess

#: Seconds without any progress after which a run is given up; a busy machine is slow, but not that slow.
PATIENCE = 300.0
_POLL_SECONDS = 0.02
_STOP_SECONDS = 60.0


class Run:
    """A context manager: a contender's process on a database and topics of its own, which are removed at the end.

    The process starts with :meth:`start`.
    """

    def __init__(self, contender: Contender, servers: Servers, topic: str, database: str = "") -> None:
        self.contender = contender
        self._kept = bool(database)
        own = servers.folder / "runs" / servers.name(contender.name)
        (own / "own").mkdir(parents=True)
        self.place = Place(
            servers=servers,
            database=database or servers.database(contender.is_segue),
            topic=topic,
            changes=servers.name("changes") if contender.is_segue else servers.topic("changes"),
            group=servers.name("group"),
            folder=own,
        )
        self._connection = psycopg.connect(self.place.database, autocommit=True)
        if contender.tables.create and not database:
            self._connection.execute(contender.tables.create)
        command, environment = contender.start(self.place)
        self._process = ChildProcess(contender.name, command, environment, own / "log.txt")
        #: When the process was last started, on the clock of ``time.time()``.
        self.started = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
        self._connection.close()
        servers = self.place.servers
        if not self._kept:
            servers.drop(self.place.database)
        servers.delete_topics(self.place.topics)
        shutil.rmtree(self.place.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the process, or start it again after a kill."""
        self.started = time.time()
        self._process.start()

    def stop(self) -> None:
        """Ask the process to end, and wait until it has.

        Raises
        ------
        BenchmarkError
            If it failed.
        """
        self._check()
        self._process.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def applied(self) -> int:
        """How many transactions are committed in Postgres; one that was applied twice counts twice."""
        return self.ask(self.contender.tables.applied)

    def unpublished(self) -> int:
        """How many committed changes are not published, as far as the contender knows that."""
        query = self.contender.tables.unpublished
        return 0 if query is None else self.ask(query)

    def ask(self, query: str) -> int:
        """The only value of a query's answer."""
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def cpu_before(self) -> Cpu:
        """CPU seconds of the servers before the process starts."""
        return self.place.servers.cpu(None)

    def cpu(self) -> Cpu:
        """CPU seconds so far."""
        return self.place.servers.cpu(self._process.pid)

    def memory(self) -> float:
        """Peak memory of the process in MiB."""
        return peak_mebibytes(self._process.pid)

    def wait(self, condition: Callable[[], bool], look: float = _POLL_SECONDS) -> None:
        """Wait until a condition is true.

        Raises
        ------
        BenchmarkError
            If the process has ended, or nothing was applied for :data:`PATIENCE` seconds.
        """
        applied, changed = -1, time.monotonic()
        while not condition():
            self._check()
            time.sleep(look)
            if time.monotonic() - changed > 1:
                now = self.applied()
                if now == applied and time.monotonic() - changed > PATIENCE:
                    raise BenchmarkError(f"{self._what} makes no progress{self._last_words()}")
                if now != applied:
                    applied, changed = now, time.monotonic()

    @property
    def _what(self) -> str:
        return f"{self.contender.name} on the {self.place.servers.kind} broker"

    def _check(self) -> None:
        if self._process.exit_code is not None:
            raise BenchmarkError(f"{self._what} has ended by itself{self._last_words()}")

    def _last_words(self) -> str:
        return last_words(self._process.log_file.read_text(errors="replace"))


def last_words(output: str) -> str:
    """The last line of a program's output, as the end of a message; nothing if there was no output."""
    lines = output.strip().splitlines()
    return f": {lines[-1]}" if lines else ""


@contextmanager
def topic(servers: Servers, prefix: str = "invoices") -> Iterator[str]:
    """A new topic, which is deleted at the end."""
    name = servers.topic(prefix)
    try:
        yield name
    finally:
        servers.delete_topics([name])
