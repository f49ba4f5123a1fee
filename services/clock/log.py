"""The log as the clock writes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from producers import log_session
from producers.log_session import LogConfig, LogSession
from producers.log_writer import LogWriter


@dataclass(frozen=True, slots=True)
class TickLog:
    """An open transactions topic."""

    session: LogSession
    log_id: str | None

    @property
    def writer(self) -> LogWriter:
        """Writes ticks to every partition."""
        return self.session.writer

    def is_current(self) -> bool:
        """Whether the topic is still the one that was opened, with as many partitions."""
        return self.session.log.identity(self.log_id) == self.session.identity


@contextmanager
def open_log(config: LogConfig) -> Iterator[TickLog]:
    """Open the transactions topic; see :func:`producers.log_session.session`."""
    with log_session.session(config) as opened:
        yield TickLog(opened, config.log_id)
