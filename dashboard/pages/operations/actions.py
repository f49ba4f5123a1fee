"""What only an operator may do: control a replay, put a dead letter back.

Only with ``--operator`` after the script's name does a page offer any of it. The pages themselves go on reading as the
dashboard's own database user, who can't write; these actions alone use ``SEGUE_DATABASE_URL``.
"""

import sys
from collections.abc import Callable

from sqlalchemy import Engine

from dashboard.shared import connection
from data.postgres import dead_letters, replay_control
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_session import session
from producers.pace import Speed
from producers.requeue import retry
from runtime.settings import Settings

FLAG = "--operator"


def present() -> bool:
    """Whether the dashboard was started for an operator."""
    return FLAG in sys.argv[1:]


def engine() -> Engine:
    """The way into Postgres that may write."""
    return connection.engine(Settings().database)


def pause() -> str:
    """Have the running replay wait; returns what to say. Errors as :func:`replay_control.pause`."""
    return _told(replay_control.pause, "pauses")


def resume() -> str:
    """Let it go on."""
    return _told(replay_control.resume, "goes on")


def set_speed(speed: str) -> str:
    """Change its speed.

    Raises
    ------
    ValueError
        If it is not a speed.
    """
    factor = Speed.parse(speed).factor
    return _told(lambda postgres: replay_control.set_speed(postgres, factor), f"takes {speed}")


def put_back(log_id: str, partition: int, offset: int) -> str:
    """Put a dead letter back into the transactions topic, as `segue dlq retry` does.

    Raises
    ------
    LookupError, LogError, WriteError
        If it is not there any more, or Kafka can't be reached or refuses it.
    """
    with session(Settings()) as open_log:
        letter: StoredDeadLetter = dead_letters.find(open_log.postgres, partition, offset, log_id)
        retry(open_log.postgres, open_log.writer, [letter])
    return f"{letter.id} is in the transactions topic again"


def _told(tell: Callable[[Engine], list[str]], what: str) -> str:
    return f"{', '.join(tell(engine()))} {what}"
