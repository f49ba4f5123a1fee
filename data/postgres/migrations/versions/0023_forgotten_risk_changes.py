"""Forgotten risk changes

Forgetting a customer also counts the risk changes that it deletes, as it counts the segment changes. Those of customers
who were forgotten before are not known any more, and count as none. Workers only call the function, so earlier ones may
go on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_ERASE = """
CREATE OR REPLACE FUNCTION segue_erase(customer text, hash bytea, home smallint, place bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  WITH ledger AS (DELETE FROM transactions WHERE customer_id = $1 RETURNING 1),
  moves AS (DELETE FROM segment_changes WHERE customer_id = $1 RETURNING 1),
  risk AS (DELETE FROM risk_states WHERE customer_id = $1),
  risk_moves AS (DELETE FROM risk_changes WHERE customer_id = $1 RETURNING 1),
  profile AS (DELETE FROM customers WHERE customer_id = $1),
  letters AS (
    DELETE FROM dead_letters WHERE key = convert_to($1, 'UTF8')
      OR position(convert_to('"customer_id":' || to_json($1), 'UTF8') IN value) > 0
      OR position(convert_to('"customer_id": ' || to_json($1), 'UTF8') IN value) > 0
      OR (CASE WHEN position(convert_to($1, 'UTF8') IN value) > 0 OR position('\\x5c'::bytea IN value) > 0
        THEN {schema}.segue_names(value, $1) END)
    RETURNING 1
  )
  INSERT INTO erasures (hash, partition, position, customer_id, transactions, changes, dead_letters{column})
  SELECT $2, $3, $4, $1,
    (SELECT count(*) FROM ledger), (SELECT count(*) FROM moves), (SELECT count(*) FROM letters){number}
  ON CONFLICT (hash) DO UPDATE SET dead_letters = erasures.dead_letters + excluded.dead_letters
$$
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("erasures", sa.Column("risk_changes", sa.BigInteger(), nullable=False, server_default="0"))
    _replace(column=", risk_changes", number=", (SELECT count(*) FROM risk_moves)")
    op.execute("UPDATE schema_versions SET database = 23")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 22")
    _replace(column="", number="")
    op.drop_column("erasures", "risk_changes")


def _replace(column: str, number: str) -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_ERASE.format(schema=schema, column=column, number=number))
