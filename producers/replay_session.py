"""A replay session: everything that a replay needs from settings, put together and taken apart."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from data.datasets.dataset import Dataset
from data.kafka.log import Log, LogIdentity, UnreachableError, create_topics
from data.postgres import progress, replay_control
from data.postgres.database import engine
from models.units import to_micros
from producers.control import ReplayControls
from producers.flow_control import FlowControl
from producers.log_writer import LogWriter
from producers.pace import Speed
from producers.replay import Replay, Section, ShowProgress, remaining
from runtime.settings import Settings


class Done(NamedTuple):
    """How many transactions a replay has sent, and whether somebody stopped it."""

    sent: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class Session:
    """An open way to the log and to Postgres."""

    identity: LogIdentity
    log: Log
    postgres: Engine
    writer: LogWriter
    flow: FlowControl

    def ends(self) -> list[int]:
        """The offset that the next record of each partition will get."""
        return self.log.ends(self.identity.partitions)

    def replay(self, dataset: Dataset, show: ShowProgress) -> Replay:
        """A replay of a dataset over this session, which `segue control` reaches."""
        return Replay(dataset, self.writer, self.flow, show, ReplayControls(self.postgres, dataset.name))

    def run(self, dataset: Dataset, section: Section, speed: Speed, show: ShowProgress) -> Done:
        """Replay a section; Ctrl-C ends it cleanly."""
        replay = self.replay(dataset, show)

        def stop(number: int, frame: FrameType | None) -> None:
            replay.stop()

        before = signal.signal(signal.SIGINT, stop)
        try:
            return Done(replay.run(section, speed), replay.stopped)
        finally:
            signal.signal(signal.SIGINT, before)

    def resumed(self, dataset: Dataset, section: Section) -> Section:
        """What is left of a section by what Postgres says has been done."""
        reached = progress.event_time(self.postgres)
        known = progress.known_since(self.postgres, reached)
        start = section.event_start if reached is None else to_micros(reached)
        return remaining(section, dataset, start, known)


def others(postgres: Engine, dataset: str) -> list[str]:
    """The datasets that were replayed into this Postgres, unless this one was: two would be one shop of both."""
    held = {row.dataset for row in replay_control.replays(postgres)}
    return [] if dataset in held else sorted(held)


@contextmanager
def session(settings: Settings, max_lag: int) -> Iterator[Session]:
    """Connect to the log and to Postgres, and close both."""
    if settings.partitions:
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
    log = Log(settings.brokers, settings.transactions_topic)
    postgres = engine(settings.database)
    try:
        identity = log.identity(settings.log_id)
        done = partial(progress.done, postgres, identity.log_id)
        flow = FlowControl(partial(log.ends, identity.partitions), done, max_lag, (UnreachableError, OperationalError))
        writer = LogWriter(settings.brokers, settings.transactions_topic, identity.partitions)
        yield Session(identity, log, postgres, writer, flow)
        writer.flush(5)
    finally:
        log.close()
        postgres.dispose()
