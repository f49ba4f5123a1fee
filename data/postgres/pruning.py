"""Deleting what is no longer needed: old published changes, old finished dead letters, and old recorded acts.

Never deleted are the ledger, which makes repeated records harmless; profiles; changes that are not published yet; dead
letters that wait for a decision; campaigns with their customers; and of each customer, the last change before the time
that is kept, which says in which segment the customer was when it began. So the stream can be shown at any moment of
that time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

_AT_ONCE = 20_000


def _old_changes(table: str, published: str) -> str:
    return f"""
FROM {table} AS old JOIN stream_progress USING (partition)
WHERE old.effective_at < :before AND old.position <= stream_progress.{published}
  AND EXISTS (
    SELECT FROM {table} AS newer
    WHERE newer.customer_id = old.customer_id AND newer.sequence > old.sequence
      AND newer.position <= stream_progress.{published} AND newer.effective_at <= :before
  )
"""


_OLD_CHANGES = _old_changes("segment_changes", "published_position")
_OLD_RISK_CHANGES = _old_changes("risk_changes", "risk_published_position")
_OLD_DEAD_LETTERS = """
FROM dead_letters AS old
WHERE published AND greatest(retried_at, discarded_at) < now() - cast(:age AS interval)
"""
_OLD_ACTS = "FROM audit AS old WHERE old.at < now() - cast(:age AS interval)"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows are kept; None means indefinitely.

    Changes are kept this long after they became true, by the stream's event time; dead letters this long after they
    were retried or discarded, and recorded acts this long after they were recorded, by the clock of Postgres.
    """

    changes: timedelta | None = None
    dead_letters: timedelta | None = None
    acts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows are deleted; None if they are kept indefinitely. Risk changes are kept as long as changes are."""

    changes: int | None
    dead_letters: int | None
    acts: int | None
    risk_changes: int | None = None


def prune(engine: Engine, kept: Retention, reached: datetime | None, dry_run: bool = False) -> Pruned:
    """Delete old changes, risk changes, dead letters and recorded acts, some thousands in each database transaction.

    Parameters
    ----------
    reached
        The stream's event time. None, before the first tick, keeps all changes.
    dry_run
        Only count.
    """
    changes = risk_changes = letters = acts = None
    if kept.changes is not None:
        before = None if reached is None else reached - kept.changes
        changes = _run(engine, "segment_changes", _OLD_CHANGES, {"before": before}, dry_run) if before else 0
        risk_changes = _run(engine, "risk_changes", _OLD_RISK_CHANGES, {"before": before}, dry_run) if before else 0
    if kept.dead_letters is not None:
        letters = _run(engine, "dead_letters", _OLD_DEAD_LETTERS, {"age": kept.dead_letters}, dry_run)
    if kept.acts is not None:
        acts = _run(engine, "audit", _OLD_ACTS, {"age": kept.acts}, dry_run)
    return Pruned(changes, letters, acts, risk_changes)


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
