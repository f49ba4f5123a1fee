"""Deleting what nobody needs any more: old changes that were published, and old dead letters that are settled.

Never deleted are the ledger, which makes repeated records harmless; profiles; a customer's newest change; changes that
are not published yet; and dead letters that wait for a decision.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

_AT_ONCE = 20_000
_OLD_CHANGES = """
FROM segment_changes AS old JOIN stream_progress USING (partition)
WHERE old.effective_at < :before AND old.position <= stream_progress.published_position
  AND EXISTS (
    SELECT FROM segment_changes AS newer
    WHERE newer.customer_id = old.customer_id AND newer.sequence > old.sequence
      AND newer.position <= stream_progress.published_position
  )
"""
_OLD_DEAD_LETTERS = """
FROM dead_letters AS old
WHERE published AND greatest(retried_at, discarded_at) < now() - cast(:age AS interval)
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows are deleted; None if they are kept for ever."""

    changes: int | None
    dead_letters: int | None


def prune(
    engine: Engine,
    changes: timedelta | None,
    dead_letters: timedelta | None,
    reached: datetime | None,
    dry_run: bool = False,
) -> Pruned:
    """Delete old changes and old dead letters, some thousands in each database transaction.

    Parameters
    ----------
    changes
        Delete changes that became true so long before the event time ``reached``; None keeps them all.
    dead_letters
        Delete dead letters that were retried or discarded so long ago, by the clock of Postgres; None keeps them all.
    reached
        The stream's event time. None, before the first tick, keeps all changes.
    dry_run
        Only count.
    """
    old_changes = old_letters = None
    if changes is not None:
        before = None if reached is None else reached - changes
        old_changes = _run(engine, "segment_changes", _OLD_CHANGES, {"before": before}, dry_run) if before else 0
    if dead_letters is not None:
        old_letters = _run(engine, "dead_letters", _OLD_DEAD_LETTERS, {"age": dead_letters}, dry_run)
    return Pruned(old_changes, old_letters)


def _run(engine: Engine, table: str, chosen: str, values: dict[str, object], dry_run: bool) -> int:
    if dry_run:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) {chosen}"), values).scalar_one())
    # The rows are chosen by their place, because the tables have different keys.
    rows = f"SELECT old.ctid {chosen} LIMIT {_AT_ONCE} FOR UPDATE OF old SKIP LOCKED"
    statement = text(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY ({rows}))")  # noqa: S608 - only constants
    done = 0
    while True:
        with engine.begin() as connection:
            deleted = connection.execute(statement, values).rowcount
        done += deleted
        if not deleted:
            return done
