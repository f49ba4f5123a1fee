"""A local stack for tests: a broker, a Postgres server and a worker process, in a folder of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
from sqlalchemy import Engine

from data.datasets.dataset import Dataset
from data.postgres import model_registry, progress
from data.postgres.database import engine
from models.segment_model import SegmentModel
from producers.pace import Speed
from producers.replay import Section, whole
from producers.replay_session import ReplaySession, session
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.demo import wait_for_worker
from segue.local.processes import ChildProcess
from segue.local.stack import Stack
from services import change_stream

# In seconds: nearly every condition comes true within a moment; the bound is for a machine that is busy.
PATIENCE = 900
# Who asks all the time keeps those whom the test waits for from their work: longer waits are asked about less often,
# and an answer that takes time leaves the CPUs alone for several times as long.
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.02, 0.1, 1.05
_PAUSES_PER_ANSWER, _LONGEST_REST = 4, 2.0


@dataclass
class Local:
    """A running stack with a registered model and an open replay session."""

    stack: Stack
    settings: Settings
    worker: ChildProcess
    replaying: ReplaySession

    @property
    def postgres(self) -> Engine:
        """The stack's database."""
        return self.replaying.postgres

    def replay(self, dataset: Dataset, section: Section | None = None) -> int:
        """Send a section, by default everything, at full speed, and wait until the worker has applied it."""
        return self.replaying.replay(dataset, lambda _: None).run(section or whole(dataset), Speed.parse("max"))

    @contextmanager
    def in_background(self, dataset: Dataset, section: Section, speed: str) -> Iterator[None]:
        """Replay a section while the block runs."""
        replay = self.replaying.replay(dataset, lambda _: None)
        thread = Thread(target=replay.run, args=(section, Speed.parse(speed)))
        thread.start()
        try:
            yield
        finally:
            replay.stop()
            thread.join()

    def topic(self) -> list[dict[str, Any]]:
        """The data of every event in the change topic once all are published, partition by partition, in order."""
        wait_until(lambda: not progress.unpublished(self.postgres))
        return [msgspec.json.decode(event)["data"] for event in change_stream.topic(self.settings, follow=False)]


@contextmanager
def local(
    state_dir: Path, model: SegmentModel, environment: dict[str, str] | None = None, broker: BrokerKind = "embedded"
) -> Iterator[Local]:
    """Start a stack with one worker that is restarted whenever it dies."""
    with Stack(state_dir, broker) as stack:
        settings = Settings(state_dir=state_dir)
        postgres = engine(settings.database)
        model_registry.register(postgres, model)
        worker = stack.start_worker(environment)
        stack.watch(lambda _: None)
        with session(settings, max_lag=10_000) as replaying:
            wait_for_worker(replaying)
            yield Local(stack, settings, worker, replaying)


def applied(local: Local) -> int:
    """How many transactions the worker has applied so far."""
    return progress.totals(local.postgres).transactions


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition comes true; fail if it does not."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        asked = time.monotonic()
        if condition():
            return
        answered = time.monotonic()
        assert answered < deadline, f"the condition did not come true within {seconds:.0f} s"
        time.sleep(max(pause, min(_PAUSES_PER_ANSWER * (answered - asked), _LONGEST_REST)))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
