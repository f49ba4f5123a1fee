"""Who may look, who did what, and schema versions of workers

The audit table is written through a function only. Triggers give every customer a masked id, and delete it with the
customer. The views of the role ``segue_masked`` read masked ids and their key with the rights of the views' owner.
Workers announce their schema version (``worker_versions.py``).
"""

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from data.postgres.migrations import worker_versions

revision = "0018"
down_revision = "0017"

_ARGUMENTS = "bigint, text, text, text, text, text, jsonb, text"
# Longer texts are cut: an act must not fail because of what describes it.
AUDIT = """
CREATE FUNCTION segue_audit(act_id bigint, subject text, email text, role text, act text, object text, detail jsonb,
  outcome text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  INSERT INTO audit (act_id, event_time, subject, email, role, act, object, detail, outcome, database_user)
  SELECT $1, CASE WHEN count(*) = count(p.event_time) THEN min(p.event_time) END,
    left($2, 300), left($3, 300), left($4, 40), left($5, 60), left($6, 300), $7, $8, session_user
  FROM stream_progress AS p
  RETURNING id
$$
"""
_BLOCK = 64
# The same hash as in `data.postgres.masked_views`. Only rows that are new, not those that an upsert updates, are in the
# table of new rows. The id of a customer may be there already if somebody has emptied the table of customers.
_HASH = """'m-' || left(encode(sha256((SELECT outer_pad FROM mask_key) || sha256((SELECT inner_pad FROM mask_key)
    || convert_to(customer_id, 'UTF8'))), 'hex'), 20)"""
_MASK = """
CREATE FUNCTION segue_mask_new() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  INSERT INTO customer_masks (customer_id, mask) SELECT customer_id, {hash} FROM added ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$
"""
_UNMASK = """
CREATE FUNCTION segue_mask_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  DELETE FROM customer_masks USING removed WHERE customer_masks.customer_id = removed.customer_id;
  RETURN NULL;
END
$$
"""
_TRIGGERS = (
    "CREATE TRIGGER segue_mask_new AFTER INSERT ON customers REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION segue_mask_new()",
    "CREATE TRIGGER segue_mask_gone AFTER DELETE ON customers REFERENCING OLD TABLE AS removed "
    "FOR EACH STATEMENT EXECUTE FUNCTION segue_mask_gone()",
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("act_id", sa.BigInteger()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("event_time", sa.DateTime(timezone=True)),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", JSONB(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("database_user", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('begun', 'done', 'failed')", name="audit_outcome"),
    )
    op.create_index("audit_act_id", "audit", ["act_id"], postgresql_where="act_id IS NOT NULL")
    op.create_table(
        "mask_key",
        sa.Column("inner_pad", sa.LargeBinary(), primary_key=True),
        sa.Column("outer_pad", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "customer_masks",
        sa.Column("customer_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("mask", sa.Text(collation="C"), nullable=False),
    )
    op.create_index("customer_masks_mask", "customer_masks", ["mask"])
    key = secrets.token_bytes(32).ljust(_BLOCK, b"\0")
    pads = {"inner": bytes(byte ^ 0x36 for byte in key), "outer": bytes(byte ^ 0x5C for byte in key)}
    op.get_bind().execute(sa.text("INSERT INTO mask_key VALUES (:inner, :outer)"), pads)
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(AUDIT.format(schema=schema))
    op.execute(_MASK.format(schema=schema, hash=_HASH))
    op.execute(_UNMASK.format(schema=schema))
    for function in (f"segue_audit({_ARGUMENTS})", "segue_mask_new()", "segue_mask_gone()"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"INSERT INTO customer_masks (customer_id, mask) SELECT customer_id, {_HASH} FROM customers")  # noqa: S608
    for trigger in _TRIGGERS:
        op.execute(trigger)
    worker_versions.add()


def downgrade() -> None:
    """Take back."""
    worker_versions.remove()
    op.execute("DROP SCHEMA IF EXISTS segue_masked CASCADE")
    for name in ("segue_mask_new", "segue_mask_gone"):
        op.execute(f"DROP TRIGGER {name} ON customers")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute(f"DROP FUNCTION segue_audit({_ARGUMENTS})")
    op.drop_table("customer_masks")
    op.drop_table("mask_key")
    op.drop_table("audit")
