"""Connection poolers between Segue and Postgres: one that shares sessions between clients is refused by name.

Segue needs sessions of its own: advisory locks (one clock, one replay), settings of a session, prepared statements.
In transaction mode a pooler gives each transaction any session, so a lock would belong to the next client.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from runtime.errors import SegueError

_BACKEND = "SELECT pg_backend_pid()"


class SharedSessionError(SegueError):
    """The database URL leads to a connection pooler that shares sessions between its clients."""


def check(
    announced: int, backend: int, parameters: dict[str, Any], connect: Callable[..., Connection[Any]] | None = None
) -> None:
    """Refuse a pooler that shares sessions between clients.

    Parameters
    ----------
    announced
        The process id that the server gave when the connection began. A pooler gives a number of its own.
    backend
        The process id of the session that answers.
    parameters
        Parameters of libpq for another connection like this one. It is opened only if there is a pooler.
    connect
        Opens a connection with such parameters, by default that of psycopg.

    Raises
    ------
    SharedSessionError
        If two connections that are open at once have the same session, or one connection has several.
    """
    if announced == backend:
        return
    another = connect or psycopg.connect
    with another(**parameters, autocommit=True) as first, another(**parameters, autocommit=True) as second:
        # The second one uses what the first one has just given back, if the pooler shares sessions.
        sessions = [_session(connection) for connection in (first, second, first)]
    if sessions[0] == sessions[1] or sessions[0] != sessions[2]:
        raise SharedSessionError(
            "the database URL leads to a connection pooler in transaction mode, which shares sessions between clients: "
            "connect to Postgres itself, or set the pooler's pool_mode to session"
        )


def parameters_of(connection: Connection[Any]) -> dict[str, Any]:
    """The parameters of libpq with which a connection was opened, with its password."""
    return {**connection.info.get_parameters(), "password": connection.info.password or None}


def _session(connection: Connection[tuple[Any, ...]]) -> int:
    row = connection.execute(_BACKEND).fetchone()
    return int(row[0]) if row else 0
