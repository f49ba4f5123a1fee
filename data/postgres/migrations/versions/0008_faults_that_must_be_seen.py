"""Faults that must be seen

Faults of the log, failures in a row, skipped records and applied model activations are stored, dead letters get a time,
changes carry gross and returned, and money has room for any sum of valid amounts. A larger precision with the same
scale does not rewrite a table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MONEY = {
    "customers": ("gross", "returned"),
    "transactions": ("amount",),
    "segment_changes": ("monetary",),
}
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    for table, columns in MONEY.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.Numeric(24, 4), existing_nullable=False)
    op.add_column("segment_changes", sa.Column("gross", sa.Numeric(24, 4)))
    op.add_column("segment_changes", sa.Column("returned", sa.Numeric(24, 4)))
    op.add_column("stream_progress", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("stream_progress", sa.Column("failure", sa.Text()))
    op.add_column("stream_progress", sa.Column("failing_since", MOMENT))
    op.add_column("stream_progress", sa.Column("control_number", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("dead_letters", sa.Column("at", MOMENT, nullable=False, server_default=sa.func.now()))
    op.create_table(
        "log_faults",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False),
        sa.Column("end_offset", sa.BigInteger(), nullable=False),
        sa.Column("noticed_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("resolved_at", MOMENT),
    )
    op.create_table(
        "skipped_records",
        sa.Column("log_id", sa.Text(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "model_activations",
        sa.Column("partition", sa.SmallInteger(), primary_key=True),
        sa.Column("model_version", sa.Text(), sa.ForeignKey("models.version"), primary_key=True),
        sa.Column("activated_at", MOMENT, primary_key=True),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("model_activations", "skipped_records", "log_faults"):
        op.drop_table(table)
    op.drop_column("dead_letters", "at")
    for column in ("control_number", "failing_since", "failure", "failures"):
        op.drop_column("stream_progress", column)
    op.drop_column("segment_changes", "returned")
    op.drop_column("segment_changes", "gross")
    for table, columns in MONEY.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.Numeric(18, 4), existing_nullable=False)
