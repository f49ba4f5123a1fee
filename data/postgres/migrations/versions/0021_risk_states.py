"""Risk states

The worker stores the risk state of every customer, and each change of one. Workers from before this migration ignore
them: customers whom they apply would keep a state that their orders have ended. So they are fenced as soon as the first
risk state is stored, and not before; that is when the active model of a partition carries a rhythm model.

The function that erases a customer takes the new rows, too, whatever the version of the worker that calls it, and
counts the changes among them. Of customers who were forgotten before there were none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_PROGRESS = ("risk_position", "risk_published_position", "risk_changes_ahead")
_ERASE = """
CREATE OR REPLACE FUNCTION segue_erase(customer text, hash bytea, home smallint, place bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  WITH ledger AS (DELETE FROM transactions WHERE customer_id = $1 RETURNING 1),
  moves AS (DELETE FROM segment_changes WHERE customer_id = $1 RETURNING 1),
  {deleted}
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
_RISK_TOO = {
    "deleted": "risk AS (DELETE FROM risk_states WHERE customer_id = $1),\n"
    "  risk_moves AS (DELETE FROM risk_changes WHERE customer_id = $1 RETURNING 1),",
    "column": ", risk_changes",
    "number": ", (SELECT count(*) FROM risk_moves)",
}
_NO_RISK = dict.fromkeys(_RISK_TOO, "")
# Only partitions of older workers: a worker of this version stores the row, in a unit of work.
_REQUIRE = """
CREATE FUNCTION segue_require_risk_states() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  UPDATE schema_versions SET oldest_worker = 21 WHERE oldest_worker < 21;
  IF FOUND THEN
    UPDATE stream_progress SET epoch = epoch + 1 WHERE schema_version IS NULL OR schema_version < 21;
  END IF;
  RETURN NULL;
END
$$
"""
_TRIGGER = (
    "CREATE TRIGGER require_risk_states AFTER INSERT ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION segue_require_risk_states()"
)


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "risk_states",
        sa.Column("customer_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("since", moment),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("next_at", moment),
        sa.Column("rhythm_version", sa.Text()),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("risk_states_next_at", "risk_states", ["partition", "next_at"])
    op.create_table(
        "risk_changes",
        sa.Column("customer_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("sequence", sa.Integer(), primary_key=True),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text()),
        sa.Column("to_state", sa.Text()),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("effective_at", moment, nullable=False),
        sa.Column("frequency", sa.Integer(), nullable=False),
        sa.Column("last_purchase_at", moment),
        sa.Column("next_state", sa.Text()),
        sa.Column("next_at", moment),
        sa.Column("rhythm_version", sa.Text()),
        sa.Column("transaction_id", sa.Text()),
    )
    op.create_index("risk_changes_outbox", "risk_changes", ["partition", "position"], unique=True)
    for name in _PROGRESS:
        op.add_column("stream_progress", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("erasures", sa.Column("risk_changes", sa.BigInteger(), nullable=False, server_default="0"))
    schema = _schema()
    op.execute(_ERASE.format(schema=schema, **_RISK_TOO))
    op.execute(_REQUIRE.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION segue_require_risk_states() FROM PUBLIC")
    for table in ("risk_states", "risk_changes"):
        op.execute(_TRIGGER.format(table=table))
    op.execute("UPDATE schema_versions SET database = 21")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 20")
    op.execute(_ERASE.format(schema=_schema(), **_NO_RISK))
    op.drop_column("erasures", "risk_changes")
    for name in _PROGRESS:
        op.drop_column("stream_progress", name)
    op.drop_table("risk_changes")
    op.drop_table("risk_states")
    op.execute("DROP FUNCTION segue_require_risk_states()")


def _schema() -> str:
    return str(op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one())
