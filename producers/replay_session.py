"""A session with the log for a replay: flow control and replay controls on top of :mod:`producers.log_session`."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from data.datasets.dataset import Dataset
from data.kafka.log import MissingTopicError, UnreachableError
from data.postgres import progress, replay_control
from data.postgres.replay_lock import ReplayLock
from models.units import to_micros
from producers import log_session
from producers.arrivals import SectionArrivals, ShowDone, arrivals
from producers.control import ReplayControls
from producers.flow_control import FlowControl
from producers.log_session import CurrentOffsets, LogConfig, LogSession
from producers.outcome import Accounting
from producers.pace import Speed
from producers.records import FIRST_PERIOD, ReplayRecord, SectionPeriod
from producers.replay import Replay, ShowProgress
from producers.section import Section, missing
from producers.stop_signals import stop_signals

_FLUSH_STEPS, _FLUSH_SECONDS = 50, 0.1
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0


class ReplayResult(NamedTuple):
    """How many transactions a replay has sent, and how many of them the ledger had before.

    ``exit_code`` is not 0 if a signal has stopped the replay: 130 for SIGINT, 143 for SIGTERM.
    """

    sent: int
    stopped: bool
    known: int = 0
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ReplaySession(LogSession):
    """A log session whose replays wait for the workers and can be controlled by an operator."""

    flow: FlowControl
    lock: ReplayLock

    @contextmanager
    def alone(self, dataset: str) -> Iterator[None]:
        """Let no other replay into the stream while the block runs.

        Raises
        ------
        ReplayRunningError
            If another replay is running.
        """
        self.lock.acquire(dataset)
        try:
            yield
        finally:
            self.lock.release()

    def replay(self, dataset: Dataset, show: ShowProgress, rate: float | None = None) -> Replay:
        """A replay of a dataset over this session; an operator can pause it and change its speed."""
        controls = ReplayControls(self.postgres, dataset.name, self.lock)
        return Replay(dataset, self.writer, self.flow, show, controls, rate)

    def run(
        self,
        dataset: Dataset,
        section: Section,
        speed: Speed,
        show: ShowProgress,
        rate: float | None = None,
        planned: Iterable[ReplayRecord] | None = None,
    ) -> ReplayResult:
        """Replay a section, or other records in its place; SIGINT or SIGTERM ends it between two transactions.

        A second signal ends it at once, with :class:`producers.stop_signals.EndedAtOnce`.
        """
        replay = self.replay(dataset, show, rate)
        with stop_signals(replay.stop) as signals:
            sent = replay.run(section, speed, planned)
            # In short steps, so that a second signal does not have to wait.
            for _ in range(_FLUSH_STEPS):
                if not self.writer.flush(_FLUSH_SECONDS):
                    break
        return ReplayResult(sent, replay.stopped, replay.known, signals.exit_code)

    def accounting(self) -> Accounting:
        """Begin to account for what this session sends from now on."""
        return Accounting(self.postgres, self.identity.log_id, self.ends, self.writer.placed)

    def arrivals(
        self, dataset: Dataset, section: Section, period: SectionPeriod = FIRST_PERIOD, show: ShowDone = lambda _: None
    ) -> SectionArrivals:
        """What has come of a section. What is on its way to the workers has time to come first."""
        self._wait_for_workers()
        return arrivals(self.postgres, dataset, section, period, show)

    def resumed(self, dataset: Dataset, section: Section) -> Section:
        """The part of a section that has not come yet."""
        found = self.arrivals(dataset, section)
        return missing(section, found.come, None if found.watermark is None else to_micros(found.watermark))

    def _wait_for_workers(self) -> None:
        """Wait until everything in the log is applied, or until the workers do not go on."""
        ends, seen, since = self.ends(), dict[int, int](), time.monotonic()
        while True:
            offsets = progress.next_offsets(self.postgres, self.identity.log_id)
            if not offsets or all(offsets.get(partition, 0) >= end for partition, end in enumerate(ends)):
                return
            now = time.monotonic()
            if offsets != seen:
                seen, since = offsets, now
            elif now - since > _PATIENCE_SECONDS:
                return
            time.sleep(_POLL_SECONDS)


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
        lock = ReplayLock(opened.postgres)
        yield ReplaySession(opened.identity, opened.log, opened.postgres, opened.writer, flow, lock)
