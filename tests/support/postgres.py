"""A real Postgres for tests, and a fresh database in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, make_url, text

from data.postgres.database import engine
from segue.local.postgres import LocalPostgres


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The URL of a server over ``folder`` while the block runs."""
    server = LocalPostgres.start(folder)
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def new_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """The URL of a database with a name of its own, dropped afterwards even if clients are still connected.

    It is a copy of the database ``template``, by default an empty one. Postgres copies the files, which takes half the
    time of writing them to its log.
    """
    name = f"test_{uuid4().hex}"
    server = engine(server_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine on a database while the block runs."""
    made = engine(url)
    try:
        yield made
    finally:
        made.dispose()
