"""Schema versions: which workers may apply the log with the tables that are there.

During a rolling upgrade, workers of two versions apply partitions of one log. That is right only if both understand
every record and every row. A migration after which older workers would not, says so with :func:`require_workers`.
"""

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import ProgrammingError

from data.postgres.tables import schema_versions, stream_progress
from runtime.errors import Hint, SegueError

#: The number of the newest migration: a worker announces it with each claim.
SCHEMA_VERSION = 22
_UNDEFINED_TABLE = "42P01"


class SchemaVersionError(SegueError):
    """The worker and the database do not fit each other: one of them is too old."""


def check(engine: Engine) -> None:
    """Make sure that a worker of this version may run on the database.

    Raises
    ------
    SchemaVersionError
        If the tables are older than the worker, or the worker is older than the tables allow.
    """
    database, oldest = _stored(engine)
    if database is None or database < SCHEMA_VERSION:
        found = "no schema version yet" if database is None else f"schema version {database}"
        raise SchemaVersionError(
            f"the database has {found}, and this worker needs {SCHEMA_VERSION}: have the owner migrate it", Hint.MIGRATE
        )
    if oldest > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"this worker has schema version {SCHEMA_VERSION} and the database needs workers of {oldest} or newer: "
            "upgrade the worker"
        )


def require_workers(connection: Connection, oldest: int) -> None:
    """Let no worker of a schema version before ``oldest`` claim a partition any more.

    For a migration. Workers that run already are fenced: they can't commit anything after this transaction, and a claim
    of theirs is refused.
    """
    requirement = update(schema_versions).where(schema_versions.c.oldest_worker < oldest).values(oldest_worker=oldest)
    if connection.execute(requirement).rowcount:
        connection.execute(update(stream_progress).values(epoch=stream_progress.c.epoch + 1))


def _stored(engine: Engine) -> tuple[int | None, int]:
    """The schema version of the tables, None before there were any, and the one that workers need."""
    try:
        with engine.connect() as connection:
            found = connection.execute(
                select(schema_versions.c.database, schema_versions.c.oldest_worker)
            ).one_or_none()
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
            raise
        found = None
    return (None, 0) if found is None else (found.database, found.oldest_worker)
