"""Recording what a command does, under the name of the user of the operating system who runs it."""

import os
import socket
from contextlib import AbstractContextManager

from sqlalchemy import Engine

from data.postgres import audit
from data.postgres.audit import Act, Actor, Detail

ROLE = "command line"


def recorded(postgres: Engine, act: str, object_: str, **detail: object) -> AbstractContextManager[Detail]:
    """Record an act and its end; ``detail`` are counts and filters, and the value takes those known afterwards.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If Postgres does not take the record; then the block does not run.
    """
    return audit.recorded(postgres, Actor(_user(), ROLE), Act(act, object_), detail)


def _user() -> str:
    """The user who runs the process, by the process itself: variables of the environment could name anyone."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        # A container's user may have a number only.
        name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{name}@{socket.gethostname()}"
