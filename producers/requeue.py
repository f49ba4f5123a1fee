"""Requeueing dead letters: their original bytes go into the transactions topic again, as new records.

A worker applies a requeued record like any other one. If the record still can't be applied, it becomes a dead letter
again; if its transaction has been applied meanwhile, it is a duplicate. So an interrupted retry can be repeated.
"""

from collections.abc import Iterable

from sqlalchemy import Engine

from data.postgres import dead_letters
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_writer import LogWriter

PAGE = 200


def retry(engine: Engine, writer: LogWriter, letters: Iterable[StoredDeadLetter]) -> int:
    """Requeue dead letters, wait until the broker has them, and mark them as retried; returns their number."""
    chosen = list(letters)
    for letter in chosen:
        writer.requeue(letter)
    while writer.flush(1):
        pass
    if chosen:
        dead_letters.mark_retried(engine, chosen)
    return len(chosen)


def retry_waiting(engine: Engine, writer: LogWriter, reason: str | None) -> int:
    """Requeue all dead letters that were never retried and whose reason contains a text; returns their number.

    A record that fails again during the call becomes a new dead letter, which this call does not retry.
    """
    left = sum(row.waiting for row in dead_letters.by_reason(engine, reason))
    done = 0
    while done < left and (page := dead_letters.waiting(engine, reason, min(PAGE, left - done))):
        done += retry(engine, writer, page)
    return done
