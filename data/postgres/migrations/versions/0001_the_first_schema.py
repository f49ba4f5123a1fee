"""The first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("first_purchase_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_purchase_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frequency", sa.Integer(), nullable=False),
        sa.Column("gross", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("returned", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("segment_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("next_change_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_segment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("customers_next_change", "customers", ["partition", "next_change_at"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("published", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("log_id", "partition", "offset"),
    )
    op.create_index(
        "dead_letters_unpublished", "dead_letters", ["partition"], unique=False, postgresql_where="not published"
    )
    op.create_table(
        "models",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "segment_changes",
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("from_segment", sa.Text(), nullable=True),
        sa.Column("to_segment", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recency_days", sa.Integer(), nullable=False),
        sa.Column("frequency", sa.Integer(), nullable=False),
        sa.Column("monetary", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", "sequence"),
    )
    op.create_index("segment_changes_effective_at", "segment_changes", ["effective_at"], unique=False)
    op.create_index("segment_changes_outbox", "segment_changes", ["partition", "position"], unique=True)
    op.create_table(
        "transactions",
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("transaction_id", sa.Text(collation="C"), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "transaction_id"),
    )
    op.create_table(
        "model_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("alias"),
    )
    op.create_table(
        "stream_progress",
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("model_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("published_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transactions", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dead_letters", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("partition"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("stream_progress")
    op.drop_table("model_aliases")
    op.drop_table("transactions")
    op.drop_index("segment_changes_outbox", table_name="segment_changes")
    op.drop_index("segment_changes_effective_at", table_name="segment_changes")
    op.drop_table("segment_changes")
    op.drop_table("models")
    op.drop_index("dead_letters_unpublished", table_name="dead_letters", postgresql_where="not published")
    op.drop_table("dead_letters")
    op.drop_index("customers_next_change", table_name="customers")
    op.drop_table("customers")
