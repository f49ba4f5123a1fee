"""Changes ahead of Postgres

A partition stores how many changes the change topic has that Postgres does not have. The commands and pages that read
Postgres alone then show that the partition is catching up.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.add_column("stream_progress", sa.Column("changes_ahead", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back."""
    op.drop_column("stream_progress", "changes_ahead")
