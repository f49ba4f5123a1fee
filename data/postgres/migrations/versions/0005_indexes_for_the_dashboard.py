"""Indexes for the dashboard: none

Measured at 1,000,000 changes and 100,000 customers (benchmarks/dashboard_pages.py), the indexes that the worker needs
serve the pages too: a page of changes asks only for the days on which the remembered history has some, the history
itself is read once, and who slips next is found where decay is fired. Every further index would be paid for by the
stream, on each change and each profile.
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Take back."""
