"""A customer against the own rhythm, in words for a marketer. Pure."""

from datetime import datetime, timedelta

from dashboard.shared import style
from dashboard.shared.rhythm import OwnRhythm
from models.rhythm.risk import RiskState
from runtime.counts import many

#: A day that is further ahead is no reason to act.
FORESEEABLE = timedelta(days=730)
BEYOND = "beyond two years"
STATES: dict[RiskState, str] = {
    "on_rhythm": "On rhythm",
    "due": "Due",
    "overdue": "Overdue",
    "presumed_lost": "Presumed lost",
}
COLOURS: dict[RiskState, str] = {
    "on_rhythm": "#2e9e6b",
    "due": "#c9a94b",
    "overdue": "#d0662c",
    "presumed_lost": "#8a919e",
}
#: What to do, where the advice for a good segment would be wrong.
ADVICE: dict[RiskState, str] = {
    "overdue": "Contact them now and ask what has changed: nine in ten of such customers would have ordered by now.",
    "presumed_lost": "Find out why they left, and win them back in person if they are worth it: at most one in ten of "
    "such customers orders within 90 days.",
}


def reason(gap_days: float | None, silent_days: float) -> str:
    """Why a customer is in a risk state: the usual gap beside the silence.

    >>> reason(2.4, 372.1), reason(9.0, 0.2), reason(None, 1.5)
    ('buys every 2.4 days, silent for 372 days', 'buys every 9 days, bought today', 'bought once, 1 day ago')
    """
    whole = int(silent_days)
    if gap_days is None:
        return f"bought once, {many(whole, 'day')} ago" if whole else "bought once, today"
    silence = f"silent for {many(whole, 'day')}" if whole else "bought today"
    return f"buys {every(gap_days)}, {silence}"


def every(days: float) -> str:
    """How often a customer buys.

    >>> every(9.04), every(2.44), every(1.0), every(0.3), every(400.6)
    ('every 9 days', 'every 2.4 days', 'every day', 'several times a day', 'every 401 days')
    """
    if days < 0.75:
        return "several times a day"
    rounded = f"{days:.1f}".removesuffix(".0") if days < 10 else f"{days:,.0f}"
    return "every day" if rounded == "1" else f"every {rounded} days"


def when(own: OwnRhythm, now: datetime) -> str:
    """Since when the customer is in the state, and when the next one begins."""
    since = "" if own.state == "on_rhythm" else f"since {style.date(own.since)}"
    if own.state == "presumed_lost":
        return since
    after = "no other state within two years"
    if own.following is not None and own.following[1] - now <= FORESEEABLE:
        state, at = own.following
        after = f"{STATES[state].lower()} from {style.date(at)}"
    return f"{since}, {after}" if since else after


def sentence(own: OwnRhythm, now: datetime) -> str:
    """Reason, state and moment in one line: "Buys every 9 days, silent for 41 days: overdue since …"."""
    text = reason(own.gap_days, own.silent_days)
    return f"{text[0].upper()}{text[1:]}: {STATES[own.state].lower()}{_joined(own, now)}"


def _joined(own: OwnRhythm, now: datetime) -> str:
    words = when(own, now)
    return f" {words}" if own.state != "on_rhythm" else f", {words}"
