"""The currency of the stream

The amounts of a stream can be added up only in one currency. The first worker stores it, so that no other worker,
replay or page can take the amounts for those of another one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "stream_currency",
        sa.Column("id", sa.SmallInteger(), sa.CheckConstraint("id = 1"), primary_key=True, server_default="1"),
        sa.Column("currency", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("stream_currency")
