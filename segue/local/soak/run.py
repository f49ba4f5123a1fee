"""A run of the soak: a stack with a model and workers, a replay that can be held, and what the run leaves behind."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from data.datasets.dataset import Dataset
from data.postgres import model_registry, progress
from data.postgres.database import engine
from data.postgres.tables import stream_progress
from models.segment_model import SegmentModel
from producers.control import ReplayState
from producers.pace import Speed
from producers.replay import Section, ShowProgress, whole
from producers.replay_session import ReplaySession, session
from runtime.errors import SegueError
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.demo import wait_for_worker
from segue.local.kafka_proxy import KafkaProxy
from segue.local.ports import free_ports
from segue.local.soak.outcome import StoredOutcome, latest, stored, subscribed
from segue.local.stack import Stack
from services import change_stream

log = structlog.get_logger(__name__)

STUCK_SECONDS = 300.0
_CHECK_SECONDS = 0.02
_PAUSES_PER_ANSWER = 3


class SoakError(SegueError, RuntimeError):
    """Processing did not continue by itself."""


class ReplayGate:
    """Holds a replay at a number of transactions.

    The replay calls the gate with each of its states; another thread opens the gate further.
    """

    def __init__(self) -> None:
        self._limit: Callable[[], float] = lambda: 0.0
        #: How many transactions had been sent when the replay last called the gate.
        self.sent = 0

    def open(self, limit: float) -> None:
        """Let the replay continue until it has sent ``limit`` transactions."""
        self._limit = lambda: limit

    def open_slowly(self, more: float, seconds: float) -> None:
        """Let the replay send ``more`` transactions, evenly within some seconds."""
        sent, began = self.sent, time.monotonic()
        self._limit = lambda: sent + more * min((time.monotonic() - began) / seconds, 1)

    def __call__(self, state: ReplayState) -> None:
        """Block while the replay has reached the limit."""
        self.sent = state.sent
        while state.sent >= self._limit():
            time.sleep(_CHECK_SECONDS)


@dataclass(frozen=True, slots=True)
class Running:
    """A stack with a model and workers that have claimed all partitions."""

    stack: Stack
    settings: Settings
    replaying: ReplaySession

    def replay(self, dataset: Dataset, show: ShowProgress = lambda _: None, section: Section | None = None) -> int:
        """Replay a section of a dataset, by default all of it, at full speed, and wait until it has been applied."""
        return self.replaying.replay(dataset, show).run(section or whole(dataset), Speed.parse("max"))

    def outcome(self) -> StoredOutcome:
        """Wait until everything has been published, and return what the run has left in Postgres and in the topics.

        Raises
        ------
        SoakError
            If some changes are never published.
        """
        wait_until(lambda: not progress.unpublished(self.replaying.postgres), "until all changes were published")
        changes = change_stream.topic(self.settings, follow=False)
        states = change_stream.states(self.settings)
        return StoredOutcome(stored(self.replaying.postgres), subscribed(changes), latest(states))

    def applied(self) -> int:
        """Return how many transactions have been applied."""
        with self.replaying.postgres.connect() as connection:
            return int(
                connection.execute(select(func.coalesce(func.sum(stream_progress.c.transactions), 0))).scalar_one()
            )

    def owners(self) -> int:
        """Return how many workers hold partitions."""
        return len({row.owner for row in progress.partitions(self.replaying.postgres)})

    def done(self) -> dict[int, int]:
        """Return the next offset of every partition."""
        return {row.partition: row.next_offset for row in progress.partitions(self.replaying.postgres)}


@contextmanager
def running(
    folder: Path,
    broker: BrokerKind,
    model: SegmentModel,
    workers: int,
    max_lag: int,
    nodes: int = 1,
    proxied: bool = False,
) -> Iterator[Running]:
    """Start a broker of ``nodes`` nodes and ``workers`` workers that are restarted whenever they die.

    If ``proxied``, the workers connect to the only node through a proxy, which the fault "late EndTxn" needs.
    """
    with ExitStack() as ending:
        proxy = ending.enter_context(KafkaProxy(*free_ports(2))) if proxied else None
        stack = ending.enter_context(Stack(folder, broker, nodes=nodes, proxy=proxy))
        settings = Settings(state_dir=folder)
        postgres: Engine = engine(settings.database)
        model_registry.register(postgres, model)
        postgres.dispose()
        stack.start_workers(workers)
        stack.watch(log.warning)
        with session(settings, max_lag) as replaying:
            wait_for_worker(replaying)
            yield Running(stack, settings, replaying)


def undisturbed(folder: Path, dataset: Dataset, model: SegmentModel) -> StoredOutcome:
    """Replay a dataset without faults, on one worker, and return what the run leaves behind."""
    try:
        with running(folder, "apache", model, workers=1, max_lag=10_000) as run:
            run.replay(dataset)
            return run.outcome()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except OperationalError:
        return False


def wait_until(condition: Callable[[], bool], what: str, seconds: float = STUCK_SECONDS) -> None:
    """Wait until a condition is true. While Postgres does not answer, it is not.

    Raises
    ------
    SoakError
        If it is still false after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if _holds(condition):
            return
        answered = time.monotonic()
        if answered > deadline:
            raise SoakError(f"{what}: nothing happened for {seconds:.0f} s")
        # Asking all the time would take the CPUs from those that it waits for.
        time.sleep(max(_CHECK_SECONDS, _PAUSES_PER_ANSWER * (answered - asked)))
