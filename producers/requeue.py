"""Putting dead letters back: the original bytes go into the transactions topic again, as a new record.

The worker takes them like any other record: what is fit now is applied, what is not becomes a dead letter again, and
what has been applied meanwhile is a duplicate. So a retry that is interrupted may simply be repeated.
"""

from collections.abc import Iterable

from sqlalchemy import Engine

from data.postgres import dead_letters
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_writer import LogWriter

PAGE = 200


def retry(engine: Engine, writer: LogWriter, letters: Iterable[StoredDeadLetter]) -> int:
    """Write dead letters back, wait for the broker to have them, and mark them; returns how many."""
    chosen = list(letters)
    for letter in chosen:
        writer.put_back(letter)
    while writer.flush(1):
        pass
    if chosen:
        dead_letters.mark_retried(engine, chosen)
    return len(chosen)


def retry_waiting(engine: Engine, writer: LogWriter, reason: str | None) -> int:
    """The same for all that were never retried and whose reason holds a text, page by page.

    What fails again while this runs is a new dead letter; only those that were there at the beginning are taken.
    """
    left = sum(row.waiting for row in dead_letters.by_reason(engine, reason))
    done = 0
    while done < left and (page := dead_letters.waiting(engine, reason, min(PAGE, left - done))):
        done += retry(engine, writer, page)
    return done
