"""The contenders: how each is started, and where its results are."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.compare import java
from benchmarks.compare.model import the_model
from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.job import Job
from benchmarks.compare.servers import PARTITIONS, Servers

_PROGRAMS = "benchmarks.compare.programs"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run takes place: its servers, database, topics, consumer group and folder."""

    servers: Servers
    database: str
    topic: str
    changes: str
    group: str
    folder: Path

    @property
    def topics(self) -> list[str]:
        """All topics that a contender may have made."""
        of_segue = [f"{self.changes}.{name}" for name in ("segments", "dead-letters", "drift", "risk")]
        return [self.changes, *of_segue, f"{self.group}-profiles-changelog"]


@dataclass(frozen=True, slots=True)
class Tables:
    """What to ask a contender's database: rows as in :mod:`benchmarks.compare.expected`, and its progress.

    ``unpublished`` counts committed changes that are not published yet; None if a contender knows no such state.
    """

    create: str
    applied: str
    customers: str
    changes: str
    unpublished: str | None = None


PLAIN = Tables(
    create=plain_tables.CREATE,
    applied="SELECT coalesce(sum(transactions), 0)::bigint FROM applied",
    customers="SELECT customer_id, frequency, (gross * 10000)::bigint, (returned * 10000)::bigint, segment, sequence "
    "FROM customers",
    changes="SELECT customer_id, sequence, from_segment, to_segment, effective_at, frequency, transaction_id "
    "FROM changes",
)
SEGUE = Tables(
    create="",
    applied="SELECT coalesce(sum(transactions), 0)::bigint FROM stream_progress",
    customers=PLAIN.customers,
    changes="SELECT customer_id, sequence, from_segment, to_segment, "
    "(extract(epoch FROM effective_at) * 1000000)::bigint, frequency, transaction_id FROM segment_changes",
    unpublished="SELECT coalesce(sum(change_position - published_position"
    " + risk_position - risk_published_position), 0)::bigint FROM stream_progress",
)

Start = Callable[[Place], tuple[list[str], Mapping[str, str]]]
"""Returns a command and what it needs in its environment."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work.

    Attributes
    ----------
    title
        What tables call it.
    start
        How to start it.
    publishes
        Whether it publishes changes.
    decay, ticks
        Whether time alone moves its customers, and whether its log has a tick a day.
    brokers
        The brokers that it understands.
    """

    name: str
    title: str
    start: Start
    tables: Tables = PLAIN
    publishes: bool = True
    decay: bool = False
    ticks: bool = False
    brokers: frozenset[str] = field(default=frozenset({"apache", "embedded"}))

    @property
    def is_segue(self) -> bool:
        """Whether it is Segue, which has a database of its own kind."""
        return self.tables is SEGUE


def job(place: Place, publishes: bool = True, threads: int = 1) -> Path:
    """Write the file with what a program has to do."""
    servers = place.servers
    asked = Job(
        servers=servers.broker.bootstrap_servers,
        topic=place.topic,
        group=place.group,
        changes=place.changes if publishes else None,
        partitions=PARTITIONS,
        database=place.database,
        jdbc=servers.jdbc(place.database),
        model=the_model(),
        threads=threads,
        folder=str(place.folder / "own"),
    )
    file = place.folder / "job.json"
    file.write_bytes(msgspec.json.encode(asked))
    return file


def _handwritten(publishes: bool) -> Start:
    return lambda place: ([sys.executable, "-m", f"{_PROGRAMS}.handwritten", str(job(place, publishes))], {})


def _faust(place: Place) -> tuple[list[str], Mapping[str, str]]:
    return [sys.executable, "-m", f"{_PROGRAMS}.faust_take", str(job(place))], {}


def _streams(threads: int) -> Start:
    return lambda place: ([*java.streams_command(), str(job(place, threads=threads))], {})


def _segue(place: Place) -> tuple[list[str], Mapping[str, str]]:
    """A real worker, with the settings that the local stack gives it."""
    servers = place.servers
    embedded = servers.kind == "embedded"
    settings = {
        "state_dir": str(place.folder),
        "bootstrap_servers": servers.broker.bootstrap_servers,
        "database_url": servers.url(place.database.rsplit("/", 1)[1].split("?")[0], servers.worker_user),
        "log_id": servers.broker.log_id or "",
        "partitions": "0" if embedded else str(PARTITIONS),
        "session_timeout": "3" if embedded else "6",
        "exactly_once": "false" if embedded else "true",
        "transactions_topic": place.topic,
        "changes_topic": place.changes,
        "segments_topic": f"{place.changes}.segments",
        "dead_letters_topic": f"{place.changes}.dead-letters",
        "drift_topic": f"{place.changes}.drift",
        "risk_changes_topic": f"{place.changes}.risk",
        "consumer_group": place.group,
        "worker_id": "worker",
        "currency": "GBP",
        # Anything else that the environment has would make the worker another one.
        "control_key": "",
        "batch_size": "",
    }
    return [sys.executable, "-m", "stream_app"], {f"SEGUE_{name.upper()}": value for name, value in settings.items()}


_APACHE_ONLY = frozenset({"apache"})

CONTENDERS = (
    Contender("handwritten", "hand-written loop", _handwritten(publishes=False), publishes=False),
    Contender("handwritten-publishing", "hand-written loop that publishes changes", _handwritten(publishes=True)),
    Contender("faust", "Faust `take()`", _faust),
    Contender("streams", "Kafka Streams, exactly_once_v2", _streams(1), brokers=_APACHE_ONLY),
    Contender("streams-2", "Kafka Streams, exactly_once_v2, 2 threads", _streams(2), brokers=_APACHE_ONLY),
    Contender("segue", "Segue", _segue, tables=SEGUE, decay=True),
    Contender("segue-ticks", "Segue, a tick a day", _segue, tables=SEGUE, decay=True, ticks=True),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
