"""Recording what a command does, under the name of the user of the operating system who runs it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from data.postgres import audit
from data.postgres.audit import Act, Actor, Detail

ROLE = "command line"


@contextmanager
def recorded(postgres: Engine, act: str, object_: str, **detail: object) -> Iterator[Detail]:
    """Record an act and its end; ``detail`` are counts and filters, and the value takes those known afterwards.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If Postgres does not take the record; then the block does not run.
    """
    with audit.recorded(postgres, Actor(_user(), ROLE), Act(act, object_), detail) as found:
        yield found


def _user() -> str:
    """The user who runs the process, by the process itself: variables of the environment could name anyone."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        # A container's user may have a number only.
        name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{name}@{socket.gethostname()}"
