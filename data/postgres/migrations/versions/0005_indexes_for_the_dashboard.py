"""Indexes for the dashboard: none

Measured at 1,000,000 changes and 100,000 customers (benchmarks/dashboard_pages.py), the worker's indexes serve the
pages too: a page of changes reads only days that have changes in the cached history, the history is read once, and the
query for the customers who slip next uses the index for decay. Every further index would slow the stream down, at each
change and each profile.
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
