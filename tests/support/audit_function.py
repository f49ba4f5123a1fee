"""The function that records an act, in a database whose tables a test has created without the migrations."""

from importlib import import_module

from sqlalchemy import Engine, text

_MIGRATION = import_module("data.postgres.migrations.versions.0018_who_may_look_and_who_did_what")


def create(engine: Engine) -> None:
    """Create the function of the migration, unless it exists."""
    with engine.begin() as connection:
        if connection.execute(text("SELECT to_regproc('segue_audit')")).scalar_one() is None:
            connection.execute(text(_MIGRATION.AUDIT.format(schema="public")))
