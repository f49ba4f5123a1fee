"""A clock of a live stream whose wall clock jumps, in the process of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread

from sqlalchemy import make_url

from data.postgres import roles
from data.postgres.database import engine
from services.clock.log import TickLog, open_log
from services.clock.schedule import TickSchedule
from services.clock.service import ClockService
from tests.support.local_stack import Local

SECOND = timedelta(seconds=1)
#: Its name, as Postgres knows it.
NAME = "clock-here"


@dataclass
class WrongClock:
    """A clock in this process whose wall clock jumps. ``ticks`` are those that it counts as sent."""

    running: Local
    ahead: timedelta = timedelta(0)
    ticks: list[datetime] = field(default_factory=list)

    def now(self) -> datetime:
        """What its wall clock says."""
        return datetime.now(UTC) + self.ahead

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Run the clock, with the rights of a clock."""
        owner = self.running.postgres
        url = make_url(self.running.settings.database).set(username=roles.make_login(owner, roles.CLOCK, None))
        named = url.update_query_dict({"application_name": NAME})
        postgres = engine(named.render_as_string(hide_password=False))
        service = ClockService(postgres, self._log, TickSchedule(SECOND, SECOND), self.now, silence=3 * SECOND)
        thread = Thread(target=service.run)
        thread.start()
        try:
            yield
        finally:
            service.stop()
            thread.join()
            postgres.dispose()

    @contextmanager
    def _log(self) -> Iterator["NotedTicks"]:
        with open_log(self.running.settings) as opened:
            yield NotedTicks(opened, self.ticks)


@dataclass
class NotedTicks:
    """The log of a clock; notes every tick that all partitions have."""

    log: TickLog
    noted: list[datetime]
    newest: datetime | None = None

    @property
    def writer(self) -> "NotedTicks":
        return self

    def is_current(self) -> bool:
        return self.log.is_current()

    def tick(self, at: datetime) -> None:
        self.newest = at
        self.log.writer.tick(at)

    def flush(self, seconds: float) -> int:
        left = self.log.writer.flush(seconds)
        if not left and self.newest is not None:
            self.noted.append(self.newest)
        return left
