"""The pages that somebody sees who may not look yet, and the way out."""

from datetime import UTC, datetime

import streamlit as st

from dashboard.shared import access, elements
from dashboard.shared.access import Viewer
from dashboard.shared.literal import escape
from dashboard.shared.trouble import Trouble
from runtime.login import Login

LOOK_SECONDS = 15
LOG_IN = Trouble("Log in to see the segments", "This dashboard is for people of the shop.", "")
ENDED = Trouble("Your login has ended", "For safety a login holds for some hours only.", "Log in again to continue.")
NO_ROLE = Trouble(
    "Your account has no role here",
    "You are logged in, but nobody has given this account a role in this dashboard, so it shows no data.",
    "Ask the people who run the dashboard for the role of a marketer, an analyst or an operator. Then log in again.",
)


def ask(login: Login) -> Viewer | None:
    """The viewer who has logged in; None for everybody else, for whom a page without data is drawn."""
    claims = access.claims()
    if not claims:
        _refuse(LOG_IN, "Log in")
        return None
    viewer = access.viewer_of(claims, login)
    if viewer is None:
        _refuse(NO_ROLE, None, str(claims.get("email") or claims.get("sub") or ""))
        return None
    if viewer.has_ended(datetime.now(UTC)):
        _refuse(ENDED, "Log in again")
        return None
    access.enter(viewer)
    return viewer


def way_out(viewer: Viewer) -> None:
    """A menu that says who is logged in, and logs out. It also notices when the login ends while a page is open."""
    who = viewer.actor.email or viewer.actor.subject
    with (
        st.container(horizontal=True, horizontal_alignment="right", key="viewer"),
        st.popover("Account", icon=":material/account_circle:", key="account", type="tertiary"),
    ):
        st.html(f"<b>{escape(who)}</b>")
        st.html(elements.note(f"Role: {viewer.role}{'. Customers’ ids are masked.' if viewer.is_masked else ''}"))
        st.button("Log out", icon=":material/logout:", key="log_out", on_click=st.logout)
    st.fragment(access.start_over_if_ended, run_every=LOOK_SECONDS)()


def _refuse(state: Trouble, button: str | None, who: str = "") -> None:
    access.leave()
    st.html(elements.trouble(state))
    with st.container(horizontal=True, horizontal_alignment="center"):
        if button is not None:
            st.button(button, icon=":material/login:", key="log_in", on_click=st.login)
        else:
            st.button("Log out", icon=":material/logout:", key="log_out", on_click=st.logout)
    if who:
        st.html(f'<div class="sg-trouble-foot">{elements.note(f"Account: {who}")}</div>')
