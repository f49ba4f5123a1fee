"""Who looks at the dashboard, and until when.

Without a login everyone who can connect is "anyone", and sees everything. With a login, the entry point asks for it
before it draws a page. What is drawn and done afterwards asks here again: a page stays open for long, and a client
could ask for a part of it by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from data.postgres.audit import Actor
from runtime.login import Login, Role

# Key of the reader's session.
VIEWER = "viewer"


@dataclass(frozen=True)
class Viewer:
    """Somebody who may look.

    ``role`` and ``ends_at`` are None without a login. ``is_masked`` says whether they see masked ids. ``login``
    distinguishes one login from another one.
    """

    actor: Actor
    role: Role | None = None
    is_masked: bool = False
    ends_at: datetime | None = None
    login: tuple[Any, ...] = ()

    def has_ended(self, now: datetime) -> bool:
        """Whether they have to log in again."""
        return self.ends_at is not None and self.ends_at <= now


class AccessEndedError(Exception):
    """The login has ended, so nothing more is read or done."""


#: Everyone who can connect to a dashboard without a login.
ANYONE = Viewer(Actor("anyone", "no login"))
#: Somebody who has to log in first, and for whom nothing is read.
NOBODY = Viewer(Actor("nobody", "no role"), ends_at=datetime.min.replace(tzinfo=UTC))


def viewer_of(claims: Mapping[str, Any], login: Login) -> Viewer | None:
    """Who somebody is by the claims of their login; None if these give them no role."""
    role = login.role(claims)
    subject, issued = claims.get("sub"), claims.get("iat")
    if role is None or not isinstance(subject, str) or not isinstance(issued, int | float):
        return None
    ends_at = datetime.fromtimestamp(issued, UTC) + login.lifetime
    email = claims.get("email")
    actor = Actor(subject, role, email if isinstance(email, str) else None)
    return Viewer(actor, role, role in login.masked, ends_at, _identity(claims))


def enter(viewer: Viewer) -> None:
    """Let somebody look; what another login left in the same session is forgotten."""
    if st.session_state.get(VIEWER, viewer).login != viewer.login:
        st.session_state.clear()
    st.session_state[VIEWER] = viewer


def leave() -> None:
    """Forget everything that the session has seen; nothing more is read in it before the next login."""
    st.session_state.clear()
    st.session_state[VIEWER] = NOBODY


def current() -> Viewer:
    """Who looks at the page that is being drawn."""
    found: Viewer = st.session_state.get(VIEWER, ANYONE)
    return found


def has_ended() -> bool:
    """Whether the viewer has to log in again, because time has passed or the browser has another login now."""
    viewer = current()
    return viewer.has_ended(datetime.now(UTC)) or (viewer is not ANYONE and viewer.login != _identity(claims()))


def start_over_if_ended() -> None:
    """Draw the whole page again, and so ask for a login, if the login has ended; outside of a page do nothing."""
    if get_script_run_ctx() is not None and has_ended():
        st.rerun(scope="app")


def claims() -> dict[str, Any]:
    """The claims of the login that the browser has; none without one."""
    found: dict[str, Any] = st.user.to_dict()
    return found if found.pop("is_logged_in", False) else {}


def _identity(claims: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(str(claims.get(name)) for name in ("iss", "sub", "iat"))
