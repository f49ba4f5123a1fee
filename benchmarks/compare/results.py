"""What a benchmark found, as it is printed with ``--json``."""

from typing import Any

import msgspec


class Faults(msgspec.Struct, frozen=True):
    """Differences from the independent computation; all 0 means that the result is exact.

    Attributes
    ----------
    counted_twice, lost
        Sales that a customer has too many or too few.
    customers
        Customers whose stored row differs in any way.
    changes_missing, changes_wrong
        Stored changes that should be there and are not, and the other way round.
    events_missing, events_repeated
        Changes that readers of the change topic never see, or see again. None if they can't be counted: nothing is
        published, or the embedded broker no longer has all events.
    """

    counted_twice: int
    lost: int
    customers: int
    changes_missing: int
    changes_wrong: int
    events_missing: int | None = None
    events_repeated: int | None = None

    @property
    def exact(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return not any(msgspec.structs.astuple(self))


class Throughput(msgspec.Struct, frozen=True):
    """One run over a full log. CPU is in microseconds a transaction, memory in MiB, and start-up in seconds.

    ``changes`` are those of a transaction. ``wal`` and ``stored`` are bytes a transaction: of Postgres' write-ahead
    log, and by which the database grew.
    """

    contender: str
    broker: str
    invoices: int
    transactions_per_second: float
    cpu_worker: float
    cpu_postgres: float
    cpu_broker: float
    memory: float
    start: float
    changes: float
    wal: float
    stored: float
    faults: Faults

    @property
    def cpu(self) -> float:
        """CPU of worker and Postgres."""
        return self.cpu_worker + self.cpu_postgres


class Limit(msgspec.Struct, frozen=True):
    """What nothing can beat: ``decode`` reads and decodes only, ``postgres`` writes rows that are ready."""

    limit: str
    broker: str
    invoices: int
    transactions_per_second: float
    cpu: float


class Latency(msgspec.Struct, frozen=True):
    """From producing an invoice until a reader of committed records has its change, in milliseconds."""

    contender: str
    broker: str
    rate: int
    changes: int
    p50: float
    p99: float


class Kill(msgspec.Struct, frozen=True):
    """A run in whose middle the contender was killed with SIGKILL just after a commit, and started again."""

    contender: str
    broker: str
    invoices: int
    faults: Faults


class Scale(msgspec.Struct, frozen=True):
    """Segue with many customers.

    Attributes
    ----------
    transactions_per_second, cpu
        Of a log of invoices by known customers; CPU of worker and Postgres in microseconds a transaction.
    start
        Seconds from the start of the worker to its first committed record.
    tick, tick_postgres
        Milliseconds of a tick that moves no customer, from producing it until every partition has committed it; and of
        CPU that it takes in Postgres.
    memory
        Peak memory of the worker in MiB.
    """

    customers: int
    broker: str
    transactions_per_second: float
    cpu: float
    start: float
    tick: float
    tick_postgres: float
    memory: float


class PageTime(msgspec.Struct, frozen=True):
    """A page of the dashboard with many customers, in milliseconds.

    Attributes
    ----------
    page
        With its filters, as in an address.
    first, p50, p95
        Until the server has drawn it: with empty caches, and the percentiles of all times after that.
    first_load, load
        Until a browser has it: for the first reader of a dashboard, and for the next one. None if it was not loaded.
    trouble
        What it said in place of its numbers, at least once; empty if it always had them, None if nobody looked.
    """

    page: str
    customers: int
    changes: int
    first: float
    p50: float
    p95: float
    first_load: float | None = None
    load: float | None = None
    trouble: str | None = None


class Replay(msgspec.Struct, frozen=True):
    """A dataset replayed at full speed into one worker; ``differences`` are those that reconciliation finds."""

    dataset: str
    broker: str
    transactions: int
    transactions_per_second: float
    differences: int


class Machine(msgspec.Struct, frozen=True):
    """Where it ran. ``load`` is the load average at the start, which shows other work on the machine."""

    cores: int
    memory: float
    python: str
    system: str
    load: float


class Report(msgspec.Struct, frozen=True):
    """Everything of one benchmark."""

    at: str
    command: str
    commit: str
    machine: Machine
    rounds: int
    throughput: list[Throughput] = []
    limits: list[Limit] = []
    latency: list[Latency] = []
    kills: list[Kill] = []
    scale: list[Scale] = []
    replays: list[Replay] = []
    pages: list[PageTime] = []

    def json(self) -> bytes:
        """The report as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def from_json(text: bytes) -> Report:
    """Read a report that was printed with ``--json``."""
    return msgspec.json.decode(text, type=Report)


def as_dict(faults: Faults) -> dict[str, Any]:
    """The differences that are not 0, by name."""
    return {name: value for name, value in msgspec.structs.asdict(faults).items() if value}
