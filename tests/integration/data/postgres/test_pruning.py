"""Pruning deletes old changes and finished dead letters, and nothing that is still needed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from data.postgres.pruning import Pruned, Retention, prune

REACHED = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.fixture
def filled(postgres: Engine) -> Engine:
    """Two customers with changes of 500, 400 and 10 days ago, the last published position being 5 of 6."""
    with postgres.begin() as connection:
        progress = "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, change_position, "
        progress += "published_position) VALUES (0, 'log', 9, 1, 'me', 6, 5)"
        connection.execute(text(progress))
        change = text(
            "INSERT INTO segment_changes (customer_id, sequence, partition, position, to_segment, cause, effective_at, "
            "recency_days, frequency, monetary, model_version) "
            "VALUES (:customer, :sequence, 0, :position, 's', 'decay', :at, 1, 1, 1, 'm')"
        )
        for customer, sequence, position, age in (
            ("active", 1, 1, 500),
            ("active", 2, 2, 400),
            ("active", 3, 3, 10),
            ("silent", 1, 4, 500),
            ("unpublished", 1, 5, 500),
            ("unpublished", 2, 6, 400),
        ):
            at = REACHED - timedelta(days=age)
            connection.execute(change, {"customer": customer, "sequence": sequence, "position": position, "at": at})
        letters = (
            'INSERT INTO dead_letters (log_id, partition, "offset", reason, published, retried_at, discarded_at) '
            "VALUES "
            "('log', 0, 1, 'waits', true, NULL, NULL), "
            "('log', 0, 2, 'retried long ago', true, now() - interval '100 days', NULL), "
            "('log', 0, 3, 'discarded long ago', true, NULL, now() - interval '100 days'), "
            "('log', 0, 4, 'retried today', true, now() - interval '100 days', now()), "
            "('log', 0, 5, 'not published', false, now() - interval '100 days', NULL)"
        )
        connection.execute(text(letters))
    return postgres


def rows(postgres: Engine, statement: str) -> list[tuple[object, ...]]:
    with postgres.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_changes_go_that_are_old_published_and_not_a_customers_last_one_before_the_retention(filled: Engine) -> None:
    assert prune(filled, Retention(changes=YEAR), REACHED, dry_run=True) == Pruned(1, None, None, 0)
    assert prune(filled, Retention(changes=YEAR), REACHED) == Pruned(1, None, None, 0)
    kept = rows(filled, "SELECT customer_id, sequence FROM segment_changes ORDER BY position")
    assert kept == [("active", 2), ("active", 3), ("silent", 1), ("unpublished", 1), ("unpublished", 2)]
    assert prune(filled, Retention(changes=YEAR), REACHED) == Pruned(0, None, None, 0)


def test_risk_changes_go_by_the_same_rule(filled: Engine) -> None:
    with filled.begin() as connection:
        copy = "INSERT INTO risk_changes (customer_id, sequence, partition, position, cause, effective_at, frequency) "
        copy += "SELECT customer_id, sequence, partition, position, 'silence', effective_at, 1 FROM segment_changes"
        connection.execute(text(copy))
    assert prune(filled, Retention(changes=YEAR), REACHED, dry_run=True) == Pruned(1, None, None, 0)
    with filled.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET risk_published_position = 5"))
    assert prune(filled, Retention(changes=YEAR), REACHED) == Pruned(1, None, None, 1)
    kept = rows(filled, "SELECT customer_id, sequence FROM risk_changes ORDER BY position")
    assert kept == [("active", 2), ("active", 3), ("silent", 1), ("unpublished", 1), ("unpublished", 2)]


def test_dead_letters_go_whose_last_decision_is_old(filled: Engine) -> None:
    assert prune(filled, Retention(dead_letters=timedelta(days=30)), REACHED) == Pruned(None, 2, None)
    kept = rows(filled, 'SELECT "offset" FROM dead_letters ORDER BY "offset"')
    assert kept == [(1,), (4,), (5,)]


def test_without_retention_or_event_time_everything_stays(filled: Engine) -> None:
    assert prune(filled, Retention(), REACHED) == Pruned(None, None, None)
    assert prune(filled, Retention(changes=YEAR), None) == Pruned(0, None, None, 0)
    assert len(rows(filled, "SELECT 1 FROM segment_changes")) == 6
