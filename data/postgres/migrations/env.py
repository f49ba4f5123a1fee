"""Alembic's entry point: runs the migrations on the engine that :func:`data.postgres.database.migrate` hands over."""

from alembic import context

from data.postgres.tables import metadata


def _run() -> None:
    engine = context.config.attributes["engine"]
    # Two services that start at the same time must not migrate concurrently.
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305021)")
        context.configure(connection=connection, target_metadata=metadata)
        context.run_migrations()
    engine.dispose()


_run()
