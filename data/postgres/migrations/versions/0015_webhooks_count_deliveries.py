"""Webhooks count deliveries

The next offsets of a webhook are not a number of changes: it counts the changes that it has delivered.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    op.add_column("webhook_progress", sa.Column("delivered", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back."""
    op.drop_column("webhook_progress", "delivered")
