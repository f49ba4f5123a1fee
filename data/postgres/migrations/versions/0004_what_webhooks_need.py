"""What webhooks need"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "webhook_progress",
        sa.Column("webhook", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("waiting", ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("webhook", "partition"),
    )
    op.create_table(
        "webhook_dead_letters",
        sa.Column("webhook", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("webhook", "customer_id", "sequence"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("webhook_dead_letters")
    op.drop_table("webhook_progress")
