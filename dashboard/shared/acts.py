"""Who may act in the dashboard, and how an act is done: as another database user, and recorded in the audit.

A page offers an act only if the dashboard was started with ``--operator``, and, with a login, only to somebody with the
role of an operator. Each act asks for both again, and is recorded before it is done. Pages read as the dashboard's own
database user, who cannot write; only acts use ``SEGUE_DATABASE_URL``.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shared import access, connection, trouble
from dashboard.shared.literal import in_markdown
from dashboard.shared.trouble import Trouble
from data.postgres import audit
from data.postgres.audit import Act, Detail
from runtime.errors import SegueError
from runtime.listening import ANONYMOUS, OPERATOR, problem, why_only_here
from runtime.login import Login
from runtime.settings import Settings

# Key of the session state: what became of the last act, until it is shown.
MESSAGE = "act_message"


class NotAllowedError(SegueError):
    """The viewer may not do what they ask for, or no longer."""


def allowed() -> bool:
    """Whether the viewer may act: the dashboard was started for operators, and their role is that of one.

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


@contextmanager
def act(name: str, object_: str, **detail: str) -> Iterator[Detail]:
    """Record an act of the viewer; nothing is done if they may not, or if it can't be recorded.

    Raises
    ------
    NotAllowedError
        If they may not.
    """
    if not allowed():
        raise NotAllowedError("this needs the role of an operator, and a login that has not ended")
    with audit.recorded(engine(), access.current().actor, Act(name, object_), dict(detail)) as found:
        yield found


def attempt(action: Callable[[], str]) -> None:
    """Do an act as the callback of a button; its message, or why it failed, is kept for :func:`report`."""
    try:
        st.session_state[MESSAGE] = action(), "check"
    except (SegueError, LookupError, ValueError) as error:
        st.session_state[MESSAGE] = f"Failed: {error}", "error"
    except SQLAlchemyError as error:
        st.session_state[MESSAGE] = f"Failed: {trouble.from_error(error, engine().url).title}", "error"


def report() -> None:
    """Show what became of the last act, once; every part of a page that has buttons calls it as it is drawn.

    A callback itself must show nothing: where only a part of a page is drawn again, it would replace the style sheet.
    """
    text, icon = st.session_state.pop(MESSAGE, ("", ""))
    if text:
        st.toast(in_markdown(text), icon=f":material/{icon}:")


def _knows_the_provider() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets
