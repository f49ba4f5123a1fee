"""Postgres for commands that read: one that accepts a connection and does not answer must not hang them."""

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

import psycopg
from sqlalchemy import Engine, event

from data.postgres.database import engine
from runtime.settings import Settings

CONNECT_SECONDS = 10
#: How long one statement of a command that only looks may take.
ANSWER_SECONDS = 60.0


def connect(settings: Settings, answer_seconds: float | None = None) -> Engine:
    """Return the engine of the database that the settings name, with bounded waiting.

    Parameters
    ----------
    answer_seconds
        How long a statement may take, by default :data:`ANSWER_SECONDS`; 0 means any time.

    Raises
    ------
    SegueError
        If no database is named. Using the engine raises ``OperationalError`` if Postgres does not answer in time.
    """
    seconds = ANSWER_SECONDS if answer_seconds is None else answer_seconds
    made = engine(settings.database, CONNECT_SECONDS)
    if seconds and threading.current_thread() is threading.main_thread():
        _limit(made, seconds)
    return made


def _limit(made: Engine, seconds: float) -> None:
    """Interrupt a statement by a signal of this process: a server that is frozen keeps no time limit itself."""

    def silent(_number: int, _frame: FrameType | None) -> NoReturn:
        stop()
        # Closed, because a rollback would wait for the answer, too.
        for connection in busy:
            connection.close()
        raise psycopg.OperationalError(f"no answer for {seconds:g} seconds")

    former: list[tuple[Any, float]] = []
    busy: list[Any] = []

    def start(_: Any, cursor: Any = None, *__: Any) -> None:
        busy[:] = [cursor.connection] if isinstance(cursor, psycopg.Cursor) else []
        if not former:
            former.append((signal.signal(signal.SIGALRM, silent), signal.getitimer(signal.ITIMER_REAL)[0]))
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(*_: Any) -> None:
        # Another part of the process may have an alarm of its own, which counts on.
        while former:
            handler, left = former.pop()
            signal.setitimer(signal.ITIMER_REAL, left)
            signal.signal(signal.SIGALRM, handler)

    for name in ("do_connect", "before_cursor_execute"):
        event.listen(made, name, start)
    for name in ("connect", "after_cursor_execute", "handle_error"):
        event.listen(made, name, stop)
