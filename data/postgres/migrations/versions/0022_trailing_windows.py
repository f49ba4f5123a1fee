"""Trailing windows

A model may count frequency and money over a trailing window. Workers from before this migration refuse such a model, as
earlier ones refuse a recency unit (migration 0019). So they are fenced as soon as the first model with a window is
registered, by a fit or from the log, and not before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

# Only partitions of older workers: a worker of this version may be the one that registers the model, in a unit of work.
_REQUIRE = """
CREATE FUNCTION segue_require_windows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  UPDATE schema_versions SET oldest_worker = 22 WHERE oldest_worker < 22;
  IF FOUND THEN
    UPDATE stream_progress SET epoch = epoch + 1 WHERE schema_version IS NULL OR schema_version < 22;
  END IF;
  RETURN NULL;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER require_windows AFTER INSERT ON models FOR EACH ROW
WHEN (NEW.spec ? 'window_days') EXECUTE FUNCTION segue_require_windows()
"""


def upgrade() -> None:
    """Apply."""
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_REQUIRE.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION segue_require_windows() FROM PUBLIC")
    op.execute(_TRIGGER)
    op.execute("UPDATE schema_versions SET database = 22")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 21")
    op.execute("DROP TRIGGER require_windows ON models")
    op.execute("DROP FUNCTION segue_require_windows()")
