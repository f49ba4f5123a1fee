"""Models that older workers do not know

A model may count recency in a unit. Workers from before this migration refuse such a model: its record would become a
dead letter on their partitions, and their partitions would go on with the former model. So they are fenced as soon as
the first model with a unit is registered, by a fit or from the log, and not before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

# Only partitions of older workers: a worker of this version may be the one that registers the model, in a unit of work.
_REQUIRE = """
CREATE FUNCTION segue_require_recency_units() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
  UPDATE schema_versions SET oldest_worker = 19 WHERE oldest_worker < 19;
  IF FOUND THEN
    UPDATE stream_progress SET epoch = epoch + 1 WHERE schema_version IS NULL OR schema_version < 19;
  END IF;
  RETURN NULL;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER require_recency_units AFTER INSERT ON models FOR EACH ROW
WHEN (NEW.spec ? 'recency_unit') EXECUTE FUNCTION segue_require_recency_units()
"""


def upgrade() -> None:
    """Apply."""
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_REQUIRE.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION segue_require_recency_units() FROM PUBLIC")
    op.execute(_TRIGGER)
    op.execute("UPDATE schema_versions SET database = 19")


def downgrade() -> None:
    """Take back."""
    op.execute("UPDATE schema_versions SET database = 18")
    op.execute("DROP TRIGGER require_recency_units ON models")
    op.execute("DROP FUNCTION segue_require_recency_units()")
