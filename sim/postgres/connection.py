"""Simulated connections to Postgres: the asynchronous interface that the stores use, over a real connection.

Every call waits for its turn in virtual time before it runs, and may fail there as a network or a server does. What
runs is the real SQL on a real server.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from sim.faults import Fault
from sim.postgres.phases import begun_by
from sim.postgres.server import PostgresServer
from sim.process import PROCESS, Process
from sim.world import World

_REFUSALS: tuple[Callable[[], psycopg.Error], ...] = (
    lambda: errors.SerializationFailure("could not serialize access (simulated)"),
    lambda: errors.LockNotAvailable("canceling statement due to lock timeout (simulated)"),
    lambda: errors.DeadlockDetected("deadlock detected (simulated)"),
    lambda: errors.DiskFull("could not extend file: No space left on device (simulated)"),
    lambda: errors.AdminShutdown("terminating connection due to administrator command (simulated)"),
    lambda: errors.OutOfMemory("out of memory (simulated)"),
)


class SimulatedPostgres:
    """The server as simulated processes see it: :meth:`connect` takes the place of a real connection."""

    def __init__(self, world: World, server: PostgresServer, other_user: bool = False) -> None:
        self._world = world
        self._other_user = other_user
        self._server = server
        self._open: list[SimulatedConnection] = []
        world.on_death.append(self._died)

    async def connect(self, partition: int) -> Any:
        """A connection that is named after a partition."""
        world = self._world
        fault = await world.step("connect")
        if world.now < world.postgres_away_until or fault is not None:
            raise psycopg.OperationalError("connection failed (simulated)")
        connection = SimulatedConnection(world, self, self._server, partition)
        self._open.append(connection)
        return connection

    def closed(self, connection: "SimulatedConnection") -> None:
        """A connection is closed."""
        if connection in self._open:
            self._open.remove(connection)

    def end_others(self, connection: "SimulatedConnection") -> int:
        """End all other connections with a connection's name; returns how many there were.

        A worker can end only connections of its own Postgres user.
        """
        others = [other for other in self._open if other.partition == connection.partition and other is not connection]
        if self._other_user:
            others = [other for other in others if other.process is connection.process]
        for other in others:
            other.end()
        return len(others)

    def end_all(self) -> None:
        """End all connections: the server has stopped, or is another one now."""
        for connection in list(self._open):
            connection.end()

    def end_busy(self) -> None:
        """End the connections that have an open transaction: the others outlive that all rows are replaced."""
        for connection in list(self._open):
            if connection.is_busy:
                connection.end()

    def _died(self, process: Process, _seconds: float) -> None:
        for connection in [each for each in self._open if each.process is process]:
            connection.end()


class SimulatedConnection:
    """What a store does with an ``AsyncConnection``: statements, transactions and pipelines."""

    def __init__(self, world: World, postgres: SimulatedPostgres, server: PostgresServer, partition: int) -> None:
        self._world = world
        self._postgres = postgres
        self._server = server
        self.partition = partition
        self.process = PROCESS.get()
        self._real = server.borrow()
        self._ended = False

    def end(self) -> None:
        """The server ends the connection, and rolls its transaction back."""
        if not self._ended:
            self._ended = True
            self._postgres.closed(self)
            self._server.give_back(self._real)

    @property
    def is_busy(self) -> bool:
        """Whether it has an open transaction."""
        return bool(self._real.info.transaction_status != TransactionStatus.IDLE)

    def _check(self) -> None:
        if not self._ended and self._world.now < self._world.postgres_away_until:
            self.end()
        if self._ended:
            raise psycopg.OperationalError("the connection is closed (simulated)")

    def _fail(self, fault: Fault) -> None:
        """Raise what a fault before a statement or a commit leads to."""
        if fault.kind == "refused by Postgres":
            error = _REFUSALS[int(fault.share * len(_REFUSALS))]()
            if isinstance(error, errors.AdminShutdown):
                self.end()
            else:
                # The transaction has failed: Postgres would refuse all its statements.
                self._real.rollback()
            raise error
        self.end()
        raise psycopg.OperationalError("server closed the connection unexpectedly (simulated)")

    async def run(self, cursor: Any, query: Any, parameters: Any) -> None:
        """Execute a statement on a real cursor."""
        world = self._world
        self._check()
        fault = await world.step("statement")
        self._check()
        if fault is not None:
            self._fail(fault)
        if isinstance(query, str) and "pg_terminate_backend" in query:
            world.trace(f"{self._postgres.end_others(self)} connections of former owners are ended")
            query, parameters = "SELECT 1", None
        try:
            cursor.execute(query, parameters)
        except psycopg.Error as error:
            world.trace(f"Postgres: {type(error).__name__} {str(error).splitlines()[0]}")
            raise
        if (phase := begun_by(query, parameters, cursor.rowcount)) is not None:
            world.enter(*phase)
        if isinstance(parameters, dict) and "expected_offset" in parameters and cursor.rowcount == 1:
            self._check_epoch(parameters)
        if world.chance.random() < 0.2 and await world.step("answered") is not None:
            self.end()
            raise psycopg.OperationalError("server closed the connection unexpectedly (simulated)")

    def _check_epoch(self, parameters: dict[str, Any]) -> None:
        """A unit of work is about to be committed: only under the newest epoch."""
        query = "SELECT epoch FROM stream_progress WHERE partition = %s"
        row = self._real.execute(query, [parameters["partition"]]).fetchone()
        if row is None or row[0] != parameters["epoch"]:
            newest = None if row is None else row[0]
            self._world.problem(f"a unit of work is written under epoch {parameters['epoch']}; the newest is {newest}")

    async def commit(self) -> None:
        """Commit the open transaction."""
        world = self._world
        self._check()
        fault = await world.step("commit")
        self._check()
        if fault is not None and fault.kind != "commit unknown":
            self._fail(fault)
        self._real.commit()
        world.trace("commits in Postgres")
        if fault is not None:
            world.reach("committed, but unknown")
            self.end()
            raise psycopg.OperationalError("server closed the connection unexpectedly (simulated)")
        await world.step("committed")

    async def rollback(self) -> None:
        """Roll the open transaction back."""
        self._check()
        self._real.rollback()

    async def close(self) -> None:
        """Disconnect."""
        self.end()

    def cursor(self, binary: bool = False, row_factory: Any = tuple_row) -> "SimulatedCursor":
        """A new cursor."""
        return SimulatedCursor(self, self._real.cursor(binary=binary, row_factory=row_factory))

    async def execute(self, query: Any, parameters: Any = None) -> "SimulatedCursor":
        """Execute a statement on a new cursor."""
        return await self.cursor().execute(query, parameters)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[None]:
        """Statements may be sent together; here each is sent alone."""
        self._check()
        yield

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit at the end of the block, or roll back if it raises."""
        self._check()
        try:
            yield
        except BaseException:
            if not self._ended:
                self._real.rollback()
            raise
        await self.commit()


class SimulatedCursor:
    """What a store does with an ``AsyncCursor``."""

    def __init__(self, connection: SimulatedConnection, real: Any) -> None:
        self._connection = connection
        self._real = real

    async def execute(self, query: Any, parameters: Any = None) -> "SimulatedCursor":
        """Execute a statement."""
        await self._connection.run(self._real, query, parameters)
        return self

    async def fetchone(self) -> Any:
        """The next row of the last statement."""
        return self._real.fetchone()

    async def fetchall(self) -> Any:
        """The other rows of the last statement."""
        return self._real.fetchall()

    @property
    def rowcount(self) -> int:
        """The number of rows that the last statement has written."""
        return int(self._real.rowcount)
