"""Kills of the services of a live stream: the HTTP API, ingestion, and several clocks."""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import text

from segue.local.processes import ChildProcess
from tests.support import wrong_clock
from tests.support.local_stack import Local, wait_until
from tests.support.wrong_clock import SECOND, WrongClock

_LEADER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND objid = 7368808 AND granted"
)


@dataclass
class Kills:
    """Kills, ends, freezes and misleads the processes of a live stream at random."""

    running: Local
    wrong: WrongClock
    clocks: dict[str, ChildProcess]
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    done: dict[str, int] = field(default_factory=dict)

    def process(self, process: ChildProcess, name: str, number: int) -> None:
        """Kill a process, or end every second one, at a random moment; it is started again."""
        time.sleep(self.dice.random())
        killed = process.pid
        fate = signal.SIGTERM if number % 2 else signal.SIGKILL
        os.kill(killed, fate)
        self._count(f"{name} {fate.name}")
        wait_until(lambda: process.pid != killed)

    def clock(self, number: int) -> None:
        """Kill the clock that leads, end it, freeze it, or let its wall clock jump."""
        wait_until(lambda: self._leader() is not None)
        leader = self._leader() or wrong_clock.NAME
        if leader == wrong_clock.NAME:
            self._jump(number)
        elif number % 3 == 1:
            self._freeze(leader)
        else:
            self.process(self.clocks[leader], "clock", number)

    def _jump(self, number: int) -> None:
        """Back by an hour, which Postgres contradicts; otherwise by some seconds, which nobody notices."""
        jump = (timedelta(hours=-1), -4 * SECOND, 3 * SECOND)[number % 3]
        self.wrong.ahead = jump
        self._count("clock jump")
        if jump == timedelta(hours=-1):
            wait_until(lambda: self._leader() not in (wrong_clock.NAME, None))

    def _freeze(self, leader: str) -> None:
        """Freeze the leader until another clock leads, then let it continue as a zombie."""
        self.wrong.ahead = timedelta(0)
        frozen = self.clocks[leader].pid
        os.kill(frozen, signal.SIGSTOP)
        self._count("clock SIGSTOP")
        try:
            wait_until(lambda: self._leader() not in (leader, None))
        finally:
            os.kill(frozen, signal.SIGCONT)

    def _leader(self) -> str | None:
        with self.running.postgres.connect() as connection:
            found: str | None = connection.execute(_LEADER).scalar()
            return found

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


def started_clocks(running: Local, monkeypatch: pytest.MonkeyPatch) -> dict[str, ChildProcess]:
    """Two clocks as processes, by the names that Postgres knows them by."""
    clocks = {}
    for name in ("clock-a", "clock-b"):
        monkeypatch.setenv("PGAPPNAME", name)
        clocks[name] = running.stack.start_clock("--grace", "1s", "--every", "1s")
    monkeypatch.delenv("PGAPPNAME")
    return clocks
