"""Forgotten customers

A keyed hash remains of a forgotten customer. The function deletes a customer in the unit of work of their erasure. Only
through it can workers delete from the ledger or from the history.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_ARGUMENTS = "text, bytea, smallint, bigint"
# Postgres parses the value, as JSON can write an id in several ways. The value of a dead letter may be anything.
_NAMES = """
CREATE FUNCTION segue_names(value bytea, customer text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN coalesce(convert_from(value, 'UTF8')::json ->> 'customer_id' = customer, false);
EXCEPTION WHEN data_exception OR statement_too_complex THEN
  RETURN false;
END
$$
"""
_ERASE = """
CREATE FUNCTION segue_erase(customer text, hash bytea, home smallint, place bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  WITH ledger AS (DELETE FROM transactions WHERE customer_id = $1 RETURNING 1),
  moves AS (DELETE FROM segment_changes WHERE customer_id = $1 RETURNING 1),
  profile AS (DELETE FROM customers WHERE customer_id = $1),
  letters AS (
    DELETE FROM dead_letters WHERE key = convert_to($1, 'UTF8')
      OR position(convert_to('"customer_id":' || to_json($1), 'UTF8') IN value) > 0
      OR position(convert_to('"customer_id": ' || to_json($1), 'UTF8') IN value) > 0
      OR (CASE WHEN position(convert_to($1, 'UTF8') IN value) > 0 OR position('\\x5c'::bytea IN value) > 0
        THEN {schema}.segue_names(value, $1) END)
    RETURNING 1
  )
  INSERT INTO erasures (hash, partition, position, customer_id, transactions, changes, dead_letters)
  SELECT $2, $3, $4, $1, (SELECT count(*) FROM ledger), (SELECT count(*) FROM moves), (SELECT count(*) FROM letters)
  ON CONFLICT (hash) DO UPDATE SET dead_letters = erasures.dead_letters + excluded.dead_letters
$$
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("stream_progress", sa.Column("forgotten", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "erasures",
        sa.Column("hash", sa.LargeBinary(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C")),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("dead_letters", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table("erasure_key", sa.Column("key", sa.LargeBinary(), primary_key=True))
    op.execute(
        "INSERT INTO erasure_key "
        "VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))"
    )
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_NAMES)
    op.execute(_ERASE.format(schema=schema))
    for function in (f"segue_erase({_ARGUMENTS})", "segue_names(bytea, text)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    """Take back."""
    op.execute(f"DROP FUNCTION segue_erase({_ARGUMENTS})")
    op.execute("DROP FUNCTION segue_names(bytea, text)")
    op.drop_table("erasure_key")
    op.drop_table("erasures")
    op.drop_column("stream_progress", "forgotten")
