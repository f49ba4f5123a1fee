"""What can go wrong with a running stack. Each fault strikes, lasts, and is over when its function returns."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from segue.local.apache.broker import ApacheBroker
from segue.local.stack import Stack
from stream_app.storage.connection import APPLICATION

Fault = Callable[[Stack, random.Random], None]

_LOOK_SECONDS = 0.01
_CUT_SECONDS = 3.0
_MINUTE = 60.0
_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name ^@ %s AND (state <> 'idle' OR %s)
"""


def worker_killed(stack: Stack, rng: random.Random) -> None:
    """A worker is gone at once, in whatever it was doing; its supervisor starts it again."""
    with suppress(ProcessLookupError):
        os.kill(rng.choice(stack.workers).pid, signal.SIGKILL)


def worker_paused(stack: Stack, rng: random.Random) -> None:
    """A worker stands still, but not for long enough to be given up."""
    _pause(_running(stack, rng), stack.session_timeout / 2)


def worker_becomes_a_zombie(stack: Stack, rng: random.Random) -> None:
    """A worker stands still until others have taken its partitions over, and then goes on as if nothing were."""
    _pause(_running(stack, rng), stack.session_timeout * 1.5 + rng.random() * 2)


def broker_restarted(stack: Stack, rng: random.Random) -> None:
    """The broker is stopped cleanly and started again."""
    _apache(stack).stop()
    _apache(stack).restart()


def broker_killed(stack: Stack, rng: random.Random) -> None:
    """The broker crashes, and is started again."""
    _apache(stack).kill()
    _apache(stack).restart()


def broker_away(stack: Stack, rng: random.Random) -> None:
    """There is no broker for longer than a session lasts."""
    _apache(stack).kill()
    time.sleep(stack.session_timeout * 1.5 + rng.random() * 5)
    _apache(stack).restart()


def broker_away_for_a_minute(stack: Stack, rng: random.Random) -> None:
    """There is no broker for longer than transactions and most requests wait."""
    _apache(stack).kill()
    time.sleep(_MINUTE)
    _apache(stack).restart()


def postgres_restarted(stack: Stack, rng: random.Random) -> None:
    """Postgres is stopped cleanly and started again."""
    stack.postgres.halt("fast")
    stack.postgres.resume()


def postgres_killed(stack: Stack, rng: random.Random) -> None:
    """Postgres crashes, and recovers from its write-ahead log."""
    stack.postgres.halt("immediate")
    stack.postgres.resume()


def postgres_away(stack: Stack, rng: random.Random) -> None:
    """There is no Postgres for a while."""
    stack.postgres.halt("fast")
    time.sleep(5 + rng.random() * 10)
    stack.postgres.resume()


def postgres_away_for_a_minute(stack: Stack, rng: random.Random) -> None:
    """There is no Postgres for a minute."""
    stack.postgres.halt("fast")
    time.sleep(_MINUTE)
    stack.postgres.resume()


def connections_cut(stack: Stack, rng: random.Random) -> None:
    """Workers lose their connections to Postgres in the middle of a transaction."""
    deadline = time.monotonic() + _CUT_SECONDS
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        while not _cut(connection, time.monotonic() > deadline):
            time.sleep(_LOOK_SECONDS)


def power_cut(stack: Stack, rng: random.Random) -> None:
    """Everything dies: the broker first, so that changes are committed that nobody could publish any more."""
    _apache(stack).kill()
    time.sleep(rng.random() / 2)
    for worker in stack.workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    postgres_killed(stack, rng)
    _apache(stack).restart()


def _named(*faults: Fault) -> dict[str, Fault]:
    return {fault.__name__.replace("_", " "): fault for fault in faults}


FAULTS = _named(
    worker_killed,
    worker_paused,
    worker_becomes_a_zombie,
    broker_restarted,
    broker_killed,
    broker_away,
    postgres_restarted,
    postgres_killed,
    postgres_away,
    connections_cut,
    power_cut,
)
# Too long for a storm.
LONG_FAULTS = _named(broker_away_for_a_minute, postgres_away_for_a_minute)


def _running(stack: Stack, rng: random.Random) -> int:
    """A worker that has not just died of an earlier fault."""
    alive = [worker for worker in stack.workers if worker.exit_code is None]
    return rng.choice(alive or stack.workers).pid


def _pause(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _cut(connection: psycopg.Connection[tuple[int]], idle_too: bool) -> bool:
    row = connection.execute(_CUT, [APPLICATION, idle_too]).fetchone()
    return idle_too or (row is not None and row[0] > 0)


def _apache(stack: Stack) -> ApacheBroker:
    assert isinstance(stack.broker, ApacheBroker), "an embedded broker forgets everything when it is stopped"  # noqa: S101
    return stack.broker
