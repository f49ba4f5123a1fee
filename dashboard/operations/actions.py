"""What only an operator may do: control a replay, and requeue a dead letter.

The page offers these actions only if the dashboard was started with ``--operator``. Pages read as the dashboard's own
database user, who cannot write; only these actions use ``SEGUE_DATABASE_URL``.
"""

import sys
from collections.abc import Callable

import streamlit as st
from sqlalchemy import Engine

from dashboard.shared import connection
from data.postgres import dead_letters, replay_control
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_session import session
from producers.pace import Speed
from producers.requeue import retry
from runtime.listening import ANYWHERE, OPERATOR, problem
from runtime.settings import Settings


def allowed() -> bool:
    """Whether the dashboard was started for an operator, on an interface that it may serve operators on."""
    return OPERATOR in sys.argv[1:] and refusal() is None


def refusal() -> str | None:
    """Why a dashboard that was started for an operator must not serve one; None if it may."""
    if OPERATOR not in sys.argv[1:] or ANYWHERE in sys.argv[1:]:
        return None
    address = st.get_option("server.address")
    # Without an address Streamlit listens on all interfaces.
    return problem(address or "", for_operator=True)


def engine() -> Engine:
    """The engine of the database user who may write."""
    return connection.engine(Settings().database)


def pause() -> str:
    """Pause the running replay; returns a message. Raises what :func:`replay_control.pause` raises."""
    return _command(replay_control.pause, "will pause")


def resume() -> str:
    """Resume the paused replay; returns a message."""
    return _command(replay_control.resume, "will resume")


def set_speed(speed: str) -> str:
    """Change the running replay's speed; returns a message.

    Raises
    ------
    ValueError
        If ``speed`` is not a speed.
    """
    factor = Speed.parse(speed).factor
    return _command(lambda postgres: replay_control.set_speed(postgres, factor), f"will run at {speed}")


def requeue(log_id: str, partition: int, offset: int) -> str:
    """Write a dead letter to the transactions topic again, as `segue dlq retry` does; returns a message.

    Raises
    ------
    LookupError, LogError, WriteError
        If the dead letter no longer exists, or Kafka is not available or refuses it.
    """
    with session(Settings()) as open_log:
        letter: StoredDeadLetter = dead_letters.find(open_log.postgres, partition, offset, log_id)
        retry(open_log.postgres, open_log.writer, [letter])
    return f"{letter.id} was written to the transactions topic again"


def _command(send: Callable[[Engine], list[str]], effect: str) -> str:
    return f"{', '.join(send(engine()))} {effect}"
