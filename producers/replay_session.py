"""A session with the log for a replay: flow control and replay controls on top of :mod:`producers.log_session`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from data.datasets.dataset import Dataset
from data.kafka.log import MissingTopicError, UnreachableError
from data.postgres import progress, replay_control
from models.units import to_micros
from producers import log_session
from producers.control import ReplayControls
from producers.flow_control import FlowControl
from producers.log_session import CurrentOffsets, LogConfig, LogSession
from producers.pace import Speed
from producers.replay import Replay, Section, ShowProgress, remaining


class ReplayResult(NamedTuple):
    """How many transactions a replay has sent, and whether it was stopped before its end."""

    sent: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class ReplaySession(LogSession):
    """A log session whose replays wait for the workers and can be controlled by an operator."""

    flow: FlowControl

    def replay(self, dataset: Dataset, show: ShowProgress) -> Replay:
        """A replay of a dataset over this session; an operator can pause it and change its speed."""
        return Replay(dataset, self.writer, self.flow, show, ReplayControls(self.postgres, dataset.name))

    def run(self, dataset: Dataset, section: Section, speed: Speed, show: ShowProgress) -> ReplayResult:
        """Replay a section; Ctrl-C ends it between two transactions."""
        replay = self.replay(dataset, show)

        def stop(number: int, frame: FrameType | None) -> None:
            replay.stop()

        before = signal.signal(signal.SIGINT, stop)
        try:
            return ReplayResult(replay.run(section, speed), replay.stopped)
        finally:
            signal.signal(signal.SIGINT, before)

    def resumed(self, dataset: Dataset, section: Section) -> Section:
        """The part of a section that is not in the ledger yet."""
        watermark = progress.current_watermark(self.postgres)
        known = progress.transaction_ids_since(self.postgres, watermark)
        start = section.event_start if watermark is None else to_micros(watermark)
        return remaining(section, dataset, start, known)


def other_datasets(postgres: Engine, dataset: str) -> list[str]:
    """The datasets that were replayed into this database, if ``dataset`` is not one of them; otherwise none.

    Two datasets in one database would be mixed into one shop.
    """
    replayed = {row.dataset for row in replay_control.replays(postgres)}
    return [] if dataset in replayed else sorted(replayed)


@contextmanager
def session(config: LogConfig, max_lag: int) -> Iterator[ReplaySession]:
    """Open a log session that keeps the lag of the workers below ``max_lag`` records; see :func:`log_session.session`.

    Raises
    ------
    LogError, WriteError
        As :func:`log_session.session`.
    """
    with log_session.session(config) as opened:
        flow = FlowControl(
            opened.ends,
            CurrentOffsets(config, opened),
            max_lag,
            (UnreachableError, MissingTopicError, OperationalError),
        )
        yield ReplaySession(opened.identity, opened.log, opened.postgres, opened.writer, flow)
