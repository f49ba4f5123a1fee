"""A part of migration 0018: schema versions of workers.

The database knows which schema version a worker must have to claim a partition. A worker announces its own with each
claim, and the trigger refuses one that is too old. Workers from before this migration announce nothing; theirs is 17 at
most.
"""

import sqlalchemy as sa
from alembic import op

# The lock makes a claim and a change of the oldest version wait for each other: no claim slips through in between.
# Other connections than those of workers write rows in tests and in restores only.
_ADMIT = """
CREATE FUNCTION segue_admit_worker() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
  own smallint := coalesce(nullif(current_setting('segue.schema_version', true), ''), '17');
  needed smallint;
BEGIN
  SELECT oldest_worker INTO needed FROM schema_versions FOR SHARE;
  IF own < needed THEN
    RAISE EXCEPTION 'this worker has schema version % and the database needs workers of % or newer: upgrade the worker',
      own, needed USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  NEW.schema_version := own;
  RETURN NEW;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER admit_worker BEFORE INSERT OR UPDATE OF owner ON stream_progress FOR EACH ROW
WHEN (current_setting('application_name') LIKE 'segue-worker %') EXECUTE FUNCTION segue_admit_worker()
"""


def add() -> None:
    """Apply. Workers of version 16 and 17 understand every record that workers of this version do."""
    op.create_table(
        "schema_versions",
        sa.Column("id", sa.SmallInteger(), sa.CheckConstraint("id = 1"), primary_key=True, server_default="1"),
        sa.Column("database", sa.SmallInteger(), nullable=False),
        sa.Column("oldest_worker", sa.SmallInteger(), nullable=False),
    )
    op.execute("INSERT INTO schema_versions (database, oldest_worker) VALUES (18, 16)")
    op.add_column("stream_progress", sa.Column("schema_version", sa.SmallInteger()))
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(_ADMIT.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION segue_admit_worker() FROM PUBLIC")
    op.execute(_TRIGGER)


def remove() -> None:
    """Take back."""
    op.execute("DROP TRIGGER admit_worker ON stream_progress")
    op.execute("DROP FUNCTION segue_admit_worker()")
    op.drop_column("stream_progress", "schema_version")
    op.drop_table("schema_versions")
