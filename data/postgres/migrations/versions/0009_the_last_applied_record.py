"""The last applied record

A mark of the last applied record shows whether the log still holds what was applied from it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

COLUMNS = ("last_offset", "last_timestamp", "last_checksum")


def upgrade() -> None:
    """Apply."""
    for column in COLUMNS:
        op.add_column("stream_progress", sa.Column(column, sa.BigInteger()))


def downgrade() -> None:
    """Take back."""
    for column in COLUMNS:
        op.drop_column("stream_progress", column)
