"""Revisions of transactions

The ledger keeps the last revision of each transaction. Workers can change a row through the function only, and only to
a later revision.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_ARGUMENTS = "text, text, timestamptz, text, numeric, text, bigint"
_REVISE = """
CREATE FUNCTION segue_revise(customer text, number text, at timestamptz, kind text, amount numeric, country text,
  later bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  UPDATE transactions SET occurred_at = $3, kind = $4, amount = $5, country = $6, revision = $7
  WHERE customer_id = $1 AND transaction_id = $2 AND revision < $7
$$
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("transactions", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("stream_progress", sa.Column("revisions", sa.BigInteger(), nullable=False, server_default="0"))
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_REVISE.format(schema=schema))
    op.execute(f"REVOKE ALL ON FUNCTION segue_revise({_ARGUMENTS}) FROM PUBLIC")


def downgrade() -> None:
    """Take back; the older tables hold the last revisions, and cancelled transactions can't be kept in them."""
    op.execute(f"DROP FUNCTION segue_revise({_ARGUMENTS})")
    op.execute("DELETE FROM transactions WHERE kind = 'cancelled'")
    op.drop_column("stream_progress", "revisions")
    op.drop_column("transactions", "revision")
