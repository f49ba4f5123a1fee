"""Statistics for the dashboard

The number of distinct kinds of changes and event days. Without these statistics, Postgres estimates one group per
change and aggregates the history on one CPU; with them, on several (dashboard/shared/history.py). The expressions must
be equal to those of the query.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

NAME = "segment_changes_by_day"


def upgrade() -> None:
    """Apply."""
    day = "date_bin(interval '1 day', effective_at, timestamptz '2000-01-01 00:00:00+00')"
    kind = "coalesce(from_segment, ''), to_segment, cause"
    op.execute(f"CREATE STATISTICS {NAME} (ndistinct) ON ({day}), {kind} FROM segment_changes")


def downgrade() -> None:
    """Take back."""
    op.execute(f"DROP STATISTICS {NAME}")
