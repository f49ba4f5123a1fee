"""Dead letters can be discarded

An operator decides that a dead letter needs no retry. When, by whom and why is kept with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply."""
    op.add_column("dead_letters", sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("discarded_by", sa.Text(), nullable=True))
    op.add_column("dead_letters", sa.Column("discarded_why", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back."""
    for column in ("discarded_why", "discarded_by", "discarded_at"):
        op.drop_column("dead_letters", column)
