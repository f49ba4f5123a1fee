"""What only an operator may do: control a replay, and requeue a dead letter.

The page offers these actions only if the dashboard was started with ``--operator``, and, with a login, only to somebody
with the role of an operator. Each action asks for both again, and is recorded in the audit before it is done. Pages
read as the dashboard's own database user, who cannot write; only these actions use ``SEGUE_DATABASE_URL``.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from sqlalchemy import Engine

from dashboard.shared import access, connection, trouble
from dashboard.shared.trouble import Trouble
from data.postgres import audit, dead_letters, replay_control
from data.postgres.audit import Act, Detail
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_session import session
from producers.pace import Speed
from producers.requeue import retry
from runtime.errors import SegueError
from runtime.listening import ANONYMOUS, OPERATOR, problem, why_only_here
from runtime.login import Login
from runtime.settings import Settings

_REPLAY = "the running replay"


class NotAllowedError(SegueError):
    """Whoever asks for an action may not do it, or no longer."""


def allowed() -> bool:
    """Whether whoever looks may act: the dashboard was started for operators, and their role is that of one.

    Without a login everyone who can connect may, and the dashboard is on the loopback interface only.
    """
    if OPERATOR not in sys.argv[1:]:
        return False
    login = Settings().login
    is_operator = login is None or access.current().role == "operator"
    return is_operator and not access.has_ended() and refusal(login) is None


def refusal(login: Login | None) -> Trouble | None:
    """Why a dashboard must not be served as it was started; None if it may."""
    if login is not None:
        return None if _knows_the_provider() else trouble.LOGIN_NOT_SERVED
    why = why_only_here(False, OPERATOR in sys.argv[1:], ANONYMOUS in sys.argv[1:])
    # Without an address Streamlit listens on all interfaces.
    reason = None if why is None else problem(st.get_option("server.address") or "", why)
    return None if reason is None else trouble.exposed(reason)


def engine() -> Engine:
    """The engine of the database user who may write."""
    return connection.engine(Settings().database)


def pause() -> str:
    """Pause the running replay; returns a message. Raises what :func:`replay_control.pause` raises."""
    return _command("control pause", replay_control.pause, "will pause")


def resume() -> str:
    """Resume the paused replay; returns a message."""
    return _command("control resume", replay_control.resume, "will resume")


def set_speed(speed: str) -> str:
    """Change the running replay's speed; returns a message.

    Raises
    ------
    ValueError
        If ``speed`` is not a speed.
    """
    factor = Speed.parse(speed).factor
    return _command(
        "control speed",
        lambda postgres: replay_control.set_speed(postgres, factor),
        f"will run at {speed}",
        speed=speed,
    )


def requeue(log_id: str, partition: int, offset: int) -> str:
    """Write a dead letter to the transactions topic again, as `segue dlq retry` does; returns a message.

    Raises
    ------
    LookupError, LogError, WriteError
        If the dead letter no longer exists, or Kafka is not available or refuses it.
    """
    with _act("dlq retry", f"{partition}:{offset}", log_id=log_id) as found, session(Settings()) as open_log:
        letter: StoredDeadLetter = dead_letters.find(open_log.postgres, partition, offset, log_id)
        found["retried"] = retry(open_log.postgres, open_log.writer, [letter])
    return f"{letter.id} was written to the transactions topic again"


def _command(act: str, send: Callable[[Engine], list[str]], effect: str, **detail: str) -> str:
    with _act(act, _REPLAY, **detail) as found:
        found["datasets"] = sent = send(engine())
    return f"{', '.join(sent)} {effect}"


@contextmanager
def _act(name: str, object_: str, **detail: str) -> Iterator[Detail]:
    """Record an act of whoever looks; nothing is done if they may not, or if it can't be recorded.

    Raises
    ------
    NotAllowedError
        If they may not.
    """
    if not allowed():
        raise NotAllowedError("this needs the role of an operator, and a login that has not ended")
    with audit.recorded(engine(), access.current().actor, Act(name, object_), dict(detail)) as found:
        yield found


def _knows_the_provider() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets
