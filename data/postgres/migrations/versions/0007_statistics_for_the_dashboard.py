"""Statistics for the dashboard

How many kinds of changes there are on how many event days. Without this Postgres takes every change for a kind of its
own, and adds the history up on one processor; with it, on several (dashboard/shared/history.py). The expressions must
be those of the query.
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
