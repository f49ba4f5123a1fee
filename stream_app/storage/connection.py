"""A partition's connection to Postgres: its name, its timeouts, and the numpy columns that it can carry."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from psycopg import AsyncConnection

from stream_app.storage.arrays import register

#: The first part of the name of every worker connection; the number of its partition follows.
APPLICATION = "segue-worker"

# A worker that hangs in a transaction keeps its locks for two minutes, unless a successor ends its connections
# before. Postgres's timeout for idle transactions is no substitute: the flush that psycopg sends at the end of a
# pipeline disarms it. A statement, because the URL may have options of its own, such as a search path.
_LIMIT = "SET transaction_timeout = '2min'"

Connect = Callable[[int], Awaitable[AsyncConnection[Any]]]
"""Returns a new connection, which is named after a partition."""

Database = str | Connect
"""The URL of a database, or what connects to it."""

_SESSION: dict[str, Any] = {
    # A server that has disappeared is noticed, also while the worker waits for its answer.
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def connector(database: Database) -> Connect:
    """What connects to a database."""
    return partial(connect, database) if isinstance(database, str) else database


async def connect(database_url: str, partition: int) -> AsyncConnection[Any]:
    """A connection that is named after a partition."""
    name = f"{APPLICATION} {partition}"
    connection = await AsyncConnection.connect(database_url, prepare_threshold=2, application_name=name, **_SESSION)
    await connection.execute(_LIMIT)
    await connection.commit()
    register(connection)
    return connection
