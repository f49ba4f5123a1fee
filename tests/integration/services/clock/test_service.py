"""The clock over a real Postgres, with a log in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError

from data.postgres.tables import customers, stream_progress
from services.clock.leader import SILENCE, Leader
from services.clock.schedule import TickSchedule
from services.clock.service import ClockService
from tests.support.local_stack import wait_until

GRACE = timedelta(minutes=5)


class MemoryLog:
    """A log that keeps the ticks; while ``refuses``, the broker does not take them."""

    def __init__(self) -> None:
        self.ticks: list[datetime] = []
        self.refuses = False
        self.current = True
        self.opened = 0

    @property
    def writer(self) -> "MemoryLog":
        return self

    def tick(self, at: datetime) -> None:
        if not self.refuses:
            self.ticks.append(at)

    def flush(self, seconds: float) -> int:
        return int(self.refuses)

    def is_current(self) -> bool:
        return self.current

    @contextmanager
    def open(self) -> Iterator["MemoryLog"]:
        self.opened += 1
        yield self


@contextmanager
def running(*services: ClockService) -> Iterator[None]:
    threads = [Thread(target=service.run) for service in services]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for service in services:
            service.stop()
        for thread in threads:
            thread.join()


def service(
    postgres: Engine,
    log: MemoryLog,
    every: timedelta,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    silence: timedelta = SILENCE,
) -> ClockService:
    return ClockService(postgres, log.open, TickSchedule(GRACE, every), now, silence)


def customer_due(postgres: Engine, moment: datetime, watermark: datetime) -> None:
    with postgres.begin() as connection:
        connection.execute(
            insert(stream_progress).values(
                partition=0, log_id="log", next_offset=0, epoch=1, owner="w", event_time=watermark
            )
        )
        connection.execute(
            insert(customers).values(
                customer_id="c", partition=0, country="UK", last_event_at=watermark, frequency=1, gross=1, returned=0,
                sequence=1, model_version="m", next_change_at=moment,
            )
        )  # fmt: skip


def test_one_of_several_clocks_ticks_and_another_takes_over(postgres: Engine) -> None:
    logs = [MemoryLog(), MemoryLog()]
    first, second = (service(postgres, log, timedelta(seconds=1)) for log in logs)
    with running(second):
        with running(first):
            wait_until(lambda: sum(len(log.ticks) > 1 for log in logs) == 1)
            assert sum(log.opened > 0 for log in logs) == 1
        before = len(logs[1].ticks)
        wait_until(lambda: len(logs[1].ticks) > before + 1)
    for log in logs:
        assert log.ticks == sorted(set(log.ticks))


def test_a_clock_whose_connection_is_ended_loses_the_lead_and_goes_on(postgres: Engine) -> None:
    log = MemoryLog()
    with running(service(postgres, log, timedelta(seconds=1))):
        wait_until(lambda: len(log.ticks) > 0)
        with postgres.connect() as connection:
            ended = text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7368808"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert connection.execute(ended).rowcount == 1
        wait_until(lambda: log.opened == 2)
        before = len(log.ticks)
        wait_until(lambda: len(log.ticks) > before)


def test_a_clock_takes_over_from_one_that_is_frozen_and_the_frozen_one_notices_when_it_wakes(postgres: Engine) -> None:
    frozen, log = Leader(postgres), MemoryLog()
    assert frozen.leads() is not None
    with running(service(postgres, log, timedelta(seconds=1), silence=timedelta(seconds=1))):
        wait_until(lambda: len(log.ticks) > 0)
        with pytest.raises(DBAPIError):
            frozen.leads()
        assert frozen.leads() is None


def test_another_clock_takes_over_from_one_that_can_not_tick(postgres: Engine) -> None:
    wrong, right = MemoryLog(), MemoryLog()
    first = service(postgres, wrong, timedelta(seconds=1), lambda: datetime.now(UTC) + timedelta(hours=1))
    with running(first):
        wait_until(lambda: "Postgres" in (first.health.trouble or ""))
        with running(service(postgres, right, timedelta(seconds=1))):
            wait_until(lambda: len(right.ticks) > 1)
    assert not wrong.ticks


def test_an_idle_stream_gets_a_tick_as_soon_as_a_customer_is_due(postgres: Engine) -> None:
    log = MemoryLog()
    now = datetime.now(UTC)
    due = now - GRACE + timedelta(seconds=2)
    customer_due(postgres, due, now - GRACE)
    with running(service(postgres, log, timedelta(hours=1))):
        wait_until(lambda: len(log.ticks) == 1)
    assert log.ticks[0] >= due


def test_a_clock_that_postgres_contradicts_does_not_tick_and_says_so(postgres: Engine) -> None:
    log = MemoryLog()
    wrong = service(postgres, log, timedelta(seconds=1), lambda: datetime.now(UTC) + timedelta(hours=1))
    with running(wrong):
        wait_until(lambda: "Postgres" in (wrong.health.trouble or ""))
        assert wrong.health.ready().status == 503
    assert not log.ticks


def test_a_tick_that_the_broker_does_not_take_is_sent_again(postgres: Engine) -> None:
    log = MemoryLog()
    log.refuses = True
    clock = service(postgres, log, timedelta(seconds=1))
    with running(clock):
        wait_until(lambda: "broker" in (clock.health.trouble or ""))
        log.refuses = False
        wait_until(lambda: len(log.ticks) > 1)
        assert clock.health.ready().status == 200
