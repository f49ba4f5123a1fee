"""The style sheet, the logo, and how numbers and moments are written; amounts: :mod:`runtime.money`."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st

from runtime.counts import many
from runtime.money import NOTHING as NOTHING

STYLE_SHEET = Path(__file__).with_name("style.css")
SCRIPT = Path(__file__).with_name("page.js")
# Two segments and a customer who moves from one to the other.
_SHAPES = (
    '<circle cx="20" cy="44" r="14" fill="#9aa3b2"/><circle cx="46" cy="22" r="14" fill="#6f6bdf"/>'
    '<path d="M12 22 C 18 6, 34 4, 42 10" fill="none" stroke="#6f6bdf" stroke-width="4" stroke-linecap="round"/>'
)
_SVG = 'svg xmlns="http://www.w3.org/2000/svg"'
MARK = f'<{_SVG} viewBox="0 0 64 64" width="64" height="64">{_SHAPES}</svg>'
# The text has a length of its own: with another font it would be cut off.
LOGO = (
    f'<{_SVG} viewBox="0 0 216 64" width="216" height="64">{_SHAPES}<text x="76" y="47" font-size="42" '
    'textLength="132" lengthAdjust="spacingAndGlyphs" '
    'font-weight="700" font-family="Segoe UI, Helvetica, Arial, sans-serif" fill="#6f6bdf">segue</text></svg>'
)
# An image: Streamlit removes inline SVG from a page's HTML.
MARK_URI = f"data:image/svg+xml;base64,{b64encode(MARK.encode()).decode()}"


def apply() -> None:
    """Put the style sheet and the script on the page."""
    st.html(STYLE_SHEET)
    st.html(f"<script>{SCRIPT.read_text()}</script>", unsafe_allow_javascript=True)


def count(number: float) -> str:
    """A whole number with separators.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{number:,.0f}"


def signed(number: int) -> str:
    """A difference with its sign.

    >>> signed(12), signed(-1200), signed(0)
    ('+12', '−1,200', '±0')
    """
    return f"{'+' if number > 0 else '−' if number < 0 else '±'}{abs(number):,}"


def percent(part: float, whole: float) -> str:
    """A share in whole per cent; below 1 but not 0 is "<1%".

    >>> percent(1, 3), percent(1, 1000), percent(0, 0)
    ('33%', '<1%', '0%')
    """
    share = 100 * part / whole if whole else 0.0
    return "<1%" if 0 < share < 1 else f"{share:.0f}%"


def day(moment: datetime) -> str:
    """The date of a moment, in UTC: ``Fri 9 December 2011``."""
    moment = moment.astimezone(UTC)
    return f"{moment:%a} {moment.day} {moment:%B %Y}"


def date(moment: datetime) -> str:
    """The date of a moment in short, in UTC: ``9 Dec 2011``."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y}"


def clock(moment: datetime) -> str:
    """The time of day of a moment, in UTC: ``12:50``."""
    return f"{moment.astimezone(UTC):%H:%M}"


def stamp(moment: datetime) -> str:
    """A moment in short, in UTC: ``9 Dec 2011, 12:50``."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def span(duration: timedelta) -> str:
    """A length of time in its largest unit.

    >>> span(timedelta(hours=30)), span(timedelta(minutes=1)), span(timedelta())
    ('1 day', '1 minute', '0 minutes')
    """
    minutes = int(duration.total_seconds() // 60)
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes >= size:
            return many(minutes // size, unit)
    return many(minutes, "minute")
