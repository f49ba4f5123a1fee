"""The servers of a benchmark: one Postgres and one broker, with databases and topics on request."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.compare.model import the_model
from benchmarks.compare.usage import Cpu, cpu_seconds, postmaster
from benchmarks.compare.workload import Message
from data.kafka.log import create_topics
from data.kafka.record_writer import BY_KEY, RecordWriter
from data.postgres import model_registry, roles
from data.postgres.database import engine, migrate
from runtime.brokers import Brokers
from runtime.errors import SegueError
from segue.local.apache.broker import ApacheBroker
from segue.local.broker_kind import BrokerKind
from segue.local.embedded_broker import EmbeddedBroker
from segue.local.interrupts import Interrupts
from segue.local.postgres import LocalPostgres

PARTITIONS = 4
_TEMPLATE = "segue_template"
_SECONDS = 60.0


class BenchmarkError(SegueError):
    """A benchmark can't be run, or a contender makes no progress."""


@dataclass
class Servers:
    """Running servers. Databases and topics get new names; :func:`running` makes the value."""

    kind: BrokerKind
    folder: Path
    postgres: LocalPostgres
    broker: ApacheBroker | EmbeddedBroker
    worker_user: str
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def brokers(self) -> Brokers:
        """How clients connect."""
        return Brokers(self.broker.bootstrap_servers)

    def name(self, prefix: str) -> str:
        """A name that nothing on these servers has yet."""
        return f"{prefix}_{next(self._numbers)}"

    def database(self, of_segue: bool) -> str:
        """Make a database, with Segue's tables or empty; returns its URL."""
        name = self.name("bench")
        template = sql.Identifier(_TEMPLATE if of_segue else "template1")
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        return self.url(name)

    def url(self, database: str, user: str | None = None) -> str:
        """The URL of a database for its owner or another user."""
        url = make_url(self.postgres.url).set(database=database)
        return (url if user is None else url.set(username=user)).render_as_string(hide_password=False)

    def jdbc(self, database: str) -> str:
        """The URL of a database for Java, which needs a library for Unix sockets."""
        url = make_url(self.postgres.url)
        socket = Path(str(url.query["host"])) / f".s.PGSQL.{url.port or 5432}"
        factory = "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg"
        name = make_url(database).database
        return (
            f"jdbc:postgresql://localhost/{name}?user={url.username}&socketFactory={factory}&socketFactoryArg={socket}"
        )

    def drop(self, database: str) -> None:
        """Drop a database."""
        name = sql.Identifier(make_url(database).database or "")
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def topic(self, prefix: str) -> str:
        """Make a topic; returns its name. The embedded broker makes one when it is first used."""
        name = self.name(prefix)
        if self.kind == "apache":
            create_topics(self.brokers, {name: {}}, PARTITIONS, None)
        return name

    def delete_topics(self, names: Iterable[str]) -> None:
        """Delete those of some topics that exist. The embedded broker keeps them until it ends."""
        if self.kind == "apache":
            admin = AdminClient(self.brokers.config)
            existing = set(admin.list_topics(timeout=_SECONDS).topics).intersection(names)
            for deleted in (admin.delete_topics([*existing]) if existing else {}).values():
                deleted.result(_SECONDS)

    def fill(self, topic: str, messages: Iterable[Message]) -> int:
        """Write records into a topic; returns how many transactions they are.

        Raises
        ------
        BenchmarkError
            If the broker does not keep them all.
        """
        # What fits into the embedded broker is decided by the compression.
        codec = "gzip" if self.kind == "embedded" else "lz4"
        # Without the log level, librdkafka would report that a new broker is not ready yet.
        own = {"compression.type": codec, "linger.ms": 50, "batch.size": 1_000_000, "log_level": 2}
        writer = RecordWriter(self.brokers, own)
        transactions = 0
        for message in messages:
            if message.customer is None:
                for partition in range(PARTITIONS):
                    writer.write(topic, message.value, None, partition=partition)
            else:
                writer.write(topic, message.value, message.customer.encode(), partition=BY_KEY)
                transactions += 1
        while writer.flush():
            pass
        if any(low for low, _ in self.offsets(topic)):
            raise BenchmarkError(
                f"the embedded broker keeps 5 MB a partition, and {transactions:,} invoices are more: use fewer"
            )
        return transactions

    def offsets(self, topic: str) -> list[tuple[int, int]]:
        """The first and the end offset of each partition."""
        consumer = Consumer({**self.brokers.config, "group.id": "benchmark"})
        try:
            return [
                consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_SECONDS)
                for partition in range(PARTITIONS)
            ]
        finally:
            consumer.close()

    def committed(self, topic: str, group: str) -> int:
        """The sum of the offsets that a consumer group has committed."""
        consumer = Consumer({**self.brokers.config, "group.id": group})
        try:
            places = consumer.committed([TopicPartition(topic, number) for number in range(PARTITIONS)], _SECONDS)
            return sum(max(place.offset, 0) for place in places)
        finally:
            consumer.close()

    def cpu(self, worker: int | None) -> Cpu:
        """CPU seconds so far, with the process id of a worker if there is one."""
        server = postmaster(self.folder / "postgres")
        return Cpu(0.0 if worker is None else cpu_seconds(worker), cpu_seconds(server), cpu_seconds(self.broker.pid))


@contextmanager
def running(folder: Path, kind: BrokerKind) -> Iterator[Servers]:
    """Start Postgres and a broker; Ctrl-C or SIGTERM ends both, and everything that was started with them.

    Raises
    ------
    RuntimeError
        If one of them does not start; JavaError if Java or Maven is missing.
    """
    interrupts = Interrupts()
    with ExitStack() as ending:
        interrupts.install()
        ending.callback(interrupts.restore)
        with interrupts.held():
            postgres = LocalPostgres.start(folder / "postgres")
            ending.callback(postgres.stop)
        user = _template(postgres)
        broker: ApacheBroker | EmbeddedBroker
        if kind == "apache":
            broker = ApacheBroker.start(folder / "kafka", folder / "kafka.log")
        else:
            broker = EmbeddedBroker.start(folder / "broker.log")
        ending.callback(broker.stop)
        # Called first: from then on, a second Ctrl-C does not interrupt the shutdown.
        ending.callback(interrupts.ignore)
        yield Servers(kind, folder, postgres, broker, user)


def _template(postgres: LocalPostgres) -> str:
    """Make the database that all of Segue's are copied from; returns the user of workers."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
    url = make_url(postgres.url).set(database=_TEMPLATE).render_as_string(hide_password=False)
    migrate(url)
    owner = engine(url)
    model_registry.register(owner, the_model())
    user = roles.make_login(owner, roles.WORKER, None)
    owner.dispose()
    return user
