"""What drift observation needs"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_index("transactions_occurred_at", "transactions", ["occurred_at"], postgresql_using="brin")
    op.create_table(
        "model_reigns",
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("partition", "until", "model_version"),
    )
    op.create_table(
        "drift_observations",
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("reference", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("model_version", "window_end", "measure", "name"),
    )
    op.create_table(
        "drift_alarms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("reference", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("published", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"],
            ["models.version"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("drift_alarms")
    op.drop_table("drift_observations")
    op.drop_table("model_reigns")
    op.drop_index("transactions_occurred_at", table_name="transactions", postgresql_using="brin")
