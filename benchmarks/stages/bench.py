"""A Postgres and a log in memory, on which the stages are measured."""

import gc
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import zip_longest
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.compare.model import the_model
from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.handwritten import BATCH
from benchmarks.compare.usage import postmaster
from benchmarks.compare.workload import Workload, messages
from benchmarks.stages.loops import PARTITIONS, HandWritten, Record, Worker
from benchmarks.stages.measured import Server, Stages, apart, together
from benchmarks.stages.tables import HAND_WRITTEN, Sample
from data.kafka.partitioner import partition_of
from data.postgres import model_registry
from data.postgres.database import engine, migrate
from runtime.garbage import collect_rarely
from segue.local.postgres import LocalPostgres
from stream_app.core.risk_columns import ActiveRhythm
from stream_app.storage.connection import Connect

_CUSTOMERS = 20_000
_SEGUE, _PLAIN, _RUN = "segue_template", "plain_template", "run"
_DIGESTS = (
    "SELECT md5(string_agg(t::text, ' ' ORDER BY customer_id)) FROM customers AS t",
    "SELECT md5(string_agg(t::text, ' ' ORDER BY customer_id, transaction_id)) FROM transactions AS t",
    # The position of a change depends on where batches begin.
    "SELECT md5(string_agg((to_jsonb(t) - 'position')::text, ' ' ORDER BY customer_id, sequence)) "
    "FROM segment_changes AS t",
    "SELECT md5(string_agg(t::text, ' ' ORDER BY customer_id)) FROM risk_states AS t",
    "SELECT md5(string_agg((to_jsonb(t) - 'position')::text, ' ' ORDER BY customer_id, sequence)) "
    "FROM risk_changes AS t",
)


class Bench:
    """A server with a template of each database, and the logs of all partitions."""

    def __init__(self, folder: Path, invoices: int) -> None:
        self._invoices = invoices
        file = folder / "invoices.ndjson"
        Workload(invoices, _CUSTOMERS).write(file)
        self._logs: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        for customer, value in messages(file):
            log = self._logs[partition_of(customer or "", PARTITIONS)]
            log.append(Record(len(log), (customer or "").encode(), value))
        self._server = LocalPostgres.start(folder / "postgres")
        self._postmaster = postmaster(folder / "postgres")
        migrate(self._create(_SEGUE, "template1"))
        owner = engine(self._url(_SEGUE))
        model_registry.register(owner, the_model())
        owner.dispose()
        with psycopg.connect(self._create(_PLAIN, "template1"), autocommit=True) as connection:
            connection.execute(plain_tables.CREATE)
        # A worker does not hold the log in memory: no collection may walk through it.
        gc.collect()
        gc.freeze()
        collect_rarely()

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()

    async def worker(self, size: int, rhythm: ActiveRhythm | None = None) -> Sample:
        """The worker with batches of at most ``size`` records: once as it is, and once statement by statement."""
        whole, parts = Stages(), Stages()
        with self._database(_SEGUE) as url:
            server = Server(self._postmaster, url)
            async with self._workers(together(url), whole, rhythm) as workers:
                await self._apply(size, workers)
                cpu, wal = server.since()
            server.close()
            events = "".join(f"{worker.digest:x}" for worker in workers)
            digest = hashlib.sha256((events + _rows(url)).encode()).hexdigest()[:16]
        with self._database(_SEGUE) as url:
            async with self._workers(apart(url, parts), parts, rhythm) as workers:
                await self._apply(size, workers)
        name = f"{size:,}" if rhythm is None else f"{size:,} with risk states"
        return self._sample(name, whole.python, parts.postgres, cpu, wal, digest)

    @asynccontextmanager
    async def _workers(
        self, connect: Connect, stages: Stages, rhythm: ActiveRhythm | None
    ) -> AsyncIterator[list[Worker]]:
        """One worker for each partition."""
        workers = [Worker(connect, partition, stages, rhythm) for partition in range(PARTITIONS)]
        for worker in workers:
            await worker.open()
        yield workers
        for worker in workers:
            await worker.close()

    async def _apply(self, size: int, workers: list[Worker]) -> None:
        """Let the workers apply their logs, one batch each in turn."""
        batches = ([log[start : start + size] for start in range(0, len(log), size)] for log in self._logs)
        for turn in zip_longest(*batches):
            for worker, batch in zip(workers, turn, strict=True):
                if batch:
                    await worker.apply(batch)

    def handwritten(self) -> Sample:
        """The hand-written loop with batches of its own size, from all partitions."""
        stages = Stages()
        records = [record for turn in zip_longest(*self._logs) for record in turn if record is not None]
        with self._database(_PLAIN) as url:
            server, loop = Server(self._postmaster, url), HandWritten(url, stages)
            for start in range(0, len(records), BATCH):
                loop.apply(records[start : start + BATCH])
            cpu, wal = server.since()
            loop.close()
            server.close()
        return self._sample(HAND_WRITTEN, stages.python, {}, cpu, wal, "")

    def _sample(
        self, name: str, python: Mapping[str, float], postgres: Mapping[str, float], cpu: float, wal: float, digest: str
    ) -> Sample:
        def each(seconds: Mapping[str, float]) -> dict[str, float]:
            return {name: 1e6 * value / self._invoices for name, value in seconds.items()}

        return Sample(name, each(python), each(postgres), 1e6 * cpu / self._invoices, wal / self._invoices, digest)

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        """The URL of a new database, with the server's memory written to the disk before."""
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            yield self._create(_RUN, template)
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_RUN)))

    def _create(self, name: str, template: str) -> str:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(create)
        return self._url(name)

    def _url(self, name: str) -> str:
        return make_url(self._server.url).set(database=name).render_as_string(hide_password=False)


def _rows(url: str) -> str:
    """A digest of all stored rows; without risk states, it is that of the other tables."""
    with psycopg.connect(url) as connection:
        found = (connection.execute(query).fetchone() for query in _DIGESTS)
        return "".join(row[0] for row in found if row is not None and row[0] is not None)
