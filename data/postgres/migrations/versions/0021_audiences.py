"""Audiences

Named definitions of groups of customers. No worker uses them, and no row of the table has a customer.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    """Apply."""
    now = sa.func.now()
    op.create_table(
        "audiences",
        sa.Column("name", sa.Text(collation="C"), primary_key=True),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    )
    op.execute("UPDATE schema_versions SET database = 21")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 19")
    op.drop_table("audiences")
