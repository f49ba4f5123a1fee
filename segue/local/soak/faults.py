"""Faults of a running stack. Each function causes one fault, and returns when the fault is over."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog

from segue.local.soak.log_faults import apache, shortened_log, topic_made_anew
from segue.local.stack import Stack
from stream_app.storage.connection import APPLICATION

log = structlog.get_logger(__name__)

Fault = Callable[[Stack, random.Random], None]

_CHECK_SECONDS = 0.01
_CUT_SECONDS = 3.0
_MINUTE = 60.0
_FORGOTTEN_SECONDS = 4.0
_LATE_SECONDS = 60.0
# Adding both topics to a Kafka transaction, and producing to both.
_REQUESTS = 4
_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name ^@ %s AND (state <> 'idle' OR %s)
"""


def worker_killed(stack: Stack, rng: random.Random) -> None:
    """Kill a worker at once; the supervisor restarts it."""
    with suppress(ProcessLookupError):
        os.kill(rng.choice(stack.workers).pid, signal.SIGKILL)


def worker_paused(stack: Stack, rng: random.Random) -> None:
    """Pause a worker for less than its session timeout."""
    _pause(_running(stack, rng), stack.session_timeout / 2)


def worker_becomes_a_zombie(stack: Stack, rng: random.Random) -> None:
    """Pause a worker until others have claimed its partitions, then let it continue as a zombie."""
    _pause(_running(stack, rng), stack.session_timeout * 1.5 + rng.random() * 2)


def broker_restarted(stack: Stack, rng: random.Random) -> None:
    """Stop the broker cleanly, and start it again."""
    apache(stack).stop()
    apache(stack).restart()


def broker_killed(stack: Stack, rng: random.Random) -> None:
    """Kill the broker, and start it again."""
    apache(stack).kill()
    apache(stack).restart()


def broker_away(stack: Stack, rng: random.Random) -> None:
    """Keep the broker down for longer than the session timeout."""
    apache(stack).kill()
    time.sleep(stack.session_timeout * 1.5 + rng.random() * 5)
    apache(stack).restart()


def broker_away_for_a_minute(stack: Stack, rng: random.Random) -> None:
    """Keep the broker down for longer than Kafka transactions and most requests wait."""
    apache(stack).kill()
    time.sleep(_MINUTE)
    apache(stack).restart()


def postgres_restarted(stack: Stack, rng: random.Random) -> None:
    """Stop Postgres cleanly, and start it again."""
    stack.postgres.halt("fast")
    stack.postgres.resume()


def postgres_killed(stack: Stack, rng: random.Random) -> None:
    """Kill Postgres; it recovers from its write-ahead log."""
    stack.postgres.halt("immediate")
    stack.postgres.resume()


def postgres_away(stack: Stack, rng: random.Random) -> None:
    """Keep Postgres down for 5 to 15 seconds."""
    stack.postgres.halt("fast")
    time.sleep(5 + rng.random() * 10)
    stack.postgres.resume()


def postgres_away_for_a_minute(stack: Stack, rng: random.Random) -> None:
    """Keep Postgres down for a minute."""
    stack.postgres.halt("fast")
    time.sleep(_MINUTE)
    stack.postgres.resume()


def postgres_restored_to_an_older_copy(stack: Stack, rng: random.Random) -> None:
    """Copy Postgres, let the workers commit and publish for some seconds more, then restore the copy."""
    copy = stack.state_dir / "postgres-copy"
    stack.postgres.halt("fast")
    stack.postgres.copy_to(copy)
    stack.postgres.resume()
    time.sleep(_FORGOTTEN_SECONDS + rng.random() * 2)
    stack.postgres.halt("immediate")
    stack.postgres.restore(copy)
    stack.postgres.resume()
    shutil.rmtree(copy)


def late_end_txn(stack: Stack, rng: random.Random) -> None:
    """Hold back the next EndTxn request of a worker, which repeats it, and send it in the next Kafka transaction.

    If the broker refuses the late request, because a rebalance has opened another writer, the next one is held back.
    """
    assert stack.proxy is not None, "workers connect to the broker directly"  # noqa: S101
    deadline = time.monotonic() + _LATE_SECONDS
    while True:
        held = stack.proxy.hold_next_end(before=rng.randint(0, _REQUESTS))
        in_time = held.finished.wait(max(deadline - time.monotonic(), 0))
        stack.proxy.release()
        if in_time and held.error == 0:
            return
        if not in_time or held.error is None:
            break
    if held.request is None:
        log.warning(f"no Kafka transaction ended within {_LATE_SECONDS:.0f} s, so no EndTxn request was late")
    elif not in_time:
        log.warning(f"no other Kafka transaction followed the late EndTxn request within {_LATE_SECONDS:.0f} s")
    else:
        log.warning("the broker did not answer the late EndTxn request")


def connections_cut(stack: Stack, rng: random.Random) -> None:
    """Cut the workers' connections to Postgres in the middle of a transaction."""
    deadline = time.monotonic() + _CUT_SECONDS
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        while not _cut(connection, time.monotonic() > deadline):
            time.sleep(_CHECK_SECONDS)


def power_cut(stack: Stack, rng: random.Random) -> None:
    """Kill everything: the broker first, so that some changes are committed but not published."""
    apache(stack).kill()
    time.sleep(rng.random() / 2)
    for worker in stack.workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    postgres_killed(stack, rng)
    apache(stack).restart()


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
    postgres_restored_to_an_older_copy,
    connections_cut,
    power_cut,
) | {"late EndTxn": late_end_txn}
# Each reads records of the log again, so that known transactions become duplicates.
LOG_FAULTS = _named(shortened_log, topic_made_anew)
# These last too long for a storm.
LONG_FAULTS = _named(broker_away_for_a_minute, postgres_away_for_a_minute)


def _running(stack: Stack, rng: random.Random) -> int:
    """Return the process id of a worker that is alive, if there is one."""
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
