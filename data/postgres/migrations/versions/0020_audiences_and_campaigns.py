"""Audiences and campaigns

An audience is a named definition of a group of customers: no row of its table has a customer.

A campaign's customers are kept as they were at its start. A trigger deletes a customer's memberships with the customer,
so that an erasure, whatever the version of the worker that applies it, takes them, too. No worker uses these tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_GONE = """
CREATE FUNCTION segue_member_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  DELETE FROM campaign_members USING removed WHERE campaign_members.customer_id = removed.customer_id;
  RETURN NULL;
END
$$
"""
_TRIGGER = (
    "CREATE TRIGGER segue_member_gone AFTER DELETE ON customers REFERENCING OLD TABLE AS removed "
    "FOR EACH STATEMENT EXECUTE FUNCTION segue_member_gone()"
)


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
    op.create_table(
        "campaigns",
        sa.Column("name", sa.Text(collation="C"), primary_key=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("holdout", sa.Double(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("treated", sa.BigInteger(), nullable=False),
        sa.Column("held_out", sa.BigInteger(), nullable=False),
        sa.Column("base_share", sa.Double()),
        sa.Column("published", sa.Boolean(), nullable=False, server_default="false"),
    )
    op.create_table(
        "campaign_members",
        sa.Column("campaign", sa.Text(collation="C"), sa.ForeignKey("campaigns.name"), primary_key=True),
        sa.Column("customer_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Boolean(), nullable=False),
        sa.Column("segment", sa.Text()),
    )
    op.create_index("campaign_members_customer", "campaign_members", ["customer_id"])
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_GONE.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION segue_member_gone() FROM PUBLIC")
    op.execute(_TRIGGER)
    op.execute("UPDATE schema_versions SET database = 20")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 19")
    op.execute("DROP TRIGGER segue_member_gone ON customers")
    op.execute("DROP FUNCTION segue_member_gone()")
    op.drop_table("campaign_members")
    op.drop_table("campaigns")
    op.drop_table("audiences")
