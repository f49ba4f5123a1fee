"""Streams without a model

A partition may begin without a model: its customers have profiles and no segment until the log brings the first model.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.alter_column("customers", "model_version", nullable=True)
    op.add_column(
        "stream_progress", sa.Column("began_without_model", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Take back; customers without a model can't be kept in the older tables."""
    op.drop_column("stream_progress", "began_without_model")
    op.execute("UPDATE customers SET model_version = '' WHERE model_version IS NULL")
    op.alter_column("customers", "model_version", nullable=False)
