"""The storm: faults at random moments of a full replay, and what came of it."""

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import msgspec
import structlog
from sqlalchemy import Engine, func, select

from batch.reconcile_stream import differences
from data.datasets.dataset import Dataset
from data.postgres import model_registry, progress
from data.postgres.database import engine
from data.postgres.tables import stream_progress
from models.segment_model import SegmentModel
from producers.control import ReplayState
from producers.pace import Speed
from producers.replay import Section, ShowProgress, whole
from producers.replay_session import Session, session
from runtime.settings import Settings
from segue.local.demo import wait_for_worker
from segue.local.soak.faults import FAULTS, Fault
from segue.local.soak.outcome import Outcome, stored, subscribed
from segue.local.stack import BrokerKind, Stack
from services import change_stream

log = structlog.get_logger(__name__)

Say = Callable[[str], None]

WORKERS = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_STUCK_SECONDS = 120.0
_LOOK_SECONDS = 0.02
_TICK_SECONDS = 0.2
_SETTLE_SECONDS = 0.2


class SoakError(RuntimeError):
    """Processing did not go on by itself."""


class Strike(msgspec.Struct, frozen=True):
    """One fault: after how many transactions, how long it lasted, and how long until every partition had moved on.

    Both are seconds; ``recovered_seconds`` counts from the end of the fault, which a kill is at once.
    """

    fault: str
    after_transactions: int
    lasted_seconds: float
    recovered_seconds: float


class Report(msgspec.Struct, frozen=True):
    """A storm and what came of it. ``repeats`` are changes that came again in the change topic."""

    seed: int
    transactions: int
    strikes: list[Strike]
    duplicates: int
    repeats: int
    unlike_undisturbed: int
    unlike_recomputed: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, counted twice or published twice."""
        return not (self.duplicates or self.repeats or self.unlike_undisturbed or self.unlike_recomputed)


class Gate:
    """Holds a replay at a number of transactions. Called with every state of the replay, opened from another thread."""

    def __init__(self) -> None:
        self._upto = 0.0

    def open(self, upto: float) -> None:
        """Let it go on up to ``upto`` transactions."""
        self._upto = upto

    def __call__(self, state: ReplayState) -> None:
        """Wait as long as there are too many."""
        while state.sent >= self._upto:
            time.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Running:
    """A stack with a model and workers that hold all partitions."""

    stack: Stack
    settings: Settings
    replaying: Session

    def replay(self, dataset: Dataset, show: ShowProgress = lambda _: None, section: Section | None = None) -> int:
        """A section of a dataset, by default everything, at full speed, until it has been processed."""
        return self.replaying.replay(dataset, show).run(section or whole(dataset), Speed.parse("max"))

    def outcome(self) -> Outcome:
        """What is there when everything has been published.

        Raises
        ------
        SoakError
            If it never is.
        """
        wait_until(lambda: not progress.unpublished(self.replaying.postgres), "until all changes were published")
        return Outcome(stored(self.replaying.postgres), subscribed(change_stream.topic(self.settings, follow=False)))

    def applied(self) -> int:
        """How many transactions have been applied."""
        with self.replaying.postgres.connect() as connection:
            return int(
                connection.execute(select(func.coalesce(func.sum(stream_progress.c.transactions), 0))).scalar_one()
            )

    def owners(self) -> int:
        """How many workers hold partitions."""
        return len({row.owner for row in progress.partitions(self.replaying.postgres)})

    def done(self) -> dict[int, int]:
        """The next offset of every partition."""
        return progress.done(self.replaying.postgres, self.replaying.identity.log_id)


@contextmanager
def running(
    folder: Path, broker: BrokerKind, model: SegmentModel, workers: int, max_lag: int, nodes: int = 1
) -> Iterator[Running]:
    """Start a stack of workers that are started again whenever they die, on so many brokers."""
    with Stack(folder, broker, nodes=nodes) as stack:
        settings = Settings(state_dir=folder)
        postgres: Engine = engine(settings.database)
        model_registry.register(postgres, model)
        postgres.dispose()
        stack.start_workers(workers)
        stack.watch(log.warning)
        with session(settings, max_lag) as replaying:
            wait_for_worker(replaying)
            yield Running(stack, settings, replaying)


def undisturbed(folder: Path, dataset: Dataset, model: SegmentModel) -> Outcome:
    """What a run without any trouble leaves behind, on one worker."""
    try:
        with running(folder, "apache", model, workers=1, max_lag=10_000) as run:
            run.replay(dataset)
            return run.outcome()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def storm(
    folder: Path, dataset: Dataset, model: SegmentModel, expected: Outcome, *, seed: int, faults: int, say: Say
) -> Report:
    """Replay a dataset while faults strike.

    Raises
    ------
    SoakError
        If a fault was not recovered from.
    """
    rng = random.Random(seed)  # noqa: S311 - a storm that can be repeated
    total = len(dataset.transactions)
    moments = sorted(rng.sample(range(1, total * 3 // 4), faults))
    gate = Gate()
    started = time.monotonic()
    with running(folder, "apache", model, WORKERS, max_lag=max(total // 20, 100)) as run:
        replay = Thread(target=run.replay, args=(dataset, gate), daemon=True)
        replay.start()
        strikes = []
        for name, moment in zip(_names(rng, faults), moments, strict=True):
            gate.open(moment + total / 50)
            wait_until(lambda moment=moment: run.applied() >= moment, f"before {name}")  # type: ignore[misc]
            struck = strike(run, name, FAULTS[name], rng)
            strikes.append(struck)
            say(
                f"{name}: lasted {struck.lasted_seconds:.1f} s, "
                f"all partitions moved on {struck.recovered_seconds:.1f} s later"
            )
        gate.open(math.inf)
        replay.join(_STUCK_SECONDS)
        if replay.is_alive():
            raise SoakError("the replay did not come to its end")
        outcome = run.outcome()
        report = Report(
            seed=seed,
            transactions=run.applied(),
            strikes=strikes,
            duplicates=progress.totals(run.replaying.postgres).duplicates,
            repeats=outcome.history.repeats,
            unlike_undisturbed=outcome.differences(expected),
            unlike_recomputed=len(differences(run.settings.database, dataset)),
            seconds=round(time.monotonic() - started, 1),
        )
    if report.clean:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def strike(run: Running, name: str, fault: Fault, rng: random.Random) -> Strike:
    """Let one fault happen, and wait until every partition moves on.

    They are ticked, so that there is something to process in each; nothing comes of ticks of a moment long past.

    Raises
    ------
    SoakError
        If one does not.
    """
    after, began = run.applied(), time.monotonic()
    fault(run.stack, rng)
    over = ticked = time.monotonic()
    # What a killed worker had under way is over by then.
    time.sleep(_SETTLE_SECONDS)
    before = run.done()

    def moved_on() -> bool:
        nonlocal ticked
        if time.monotonic() - ticked > _TICK_SECONDS:
            ticked = time.monotonic()
            run.replaying.writer.tick(_LONG_AGO)
        return all(offset > before[partition] for partition, offset in run.done().items())

    wait_until(moved_on, f"after {name}")
    return Strike(name, after, round(over - began, 2), round(time.monotonic() - over, 2))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = _STUCK_SECONDS) -> None:
    """Wait for something to come true.

    Raises
    ------
    SoakError
        If it does not.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SoakError(f"{what}: nothing happened for {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


def _names(rng: random.Random, count: int) -> list[str]:
    """Every fault once, then any, in random order."""
    names = [*FAULTS, *rng.choices(list(FAULTS), k=max(count - len(FAULTS), 0))][:count]
    rng.shuffle(names)
    return names
