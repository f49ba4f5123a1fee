"""The parts of a page that are text rather than figures: small pure functions that return escaped HTML."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from dashboard.shared import style
from dashboard.shared.labels import cause
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.plotting import cause_colour
from dashboard.shared.reading import StreamProgress
from dashboard.shared.rhythm_text import BEYOND, FORESEEABLE
from dashboard.shared.trouble import Trouble
from runtime.counts import many
from runtime.money import Money

# Tooltips of counters that more than one page shows.
DUPLICATES = "Already processed before: dropped without effect"
LATE = "Arrived after their event time: counted, not dropped"
DEAD_LETTERS = "Records that could not be applied: stored with the reason"


def heading(text: str, subtitle: str, progress: StreamProgress, at: datetime | None = None) -> str:
    """The top of a page: its title, a line about it, and the event time or the past moment that it shows."""
    now = progress.watermark
    moment = f"As of event time {style.stamp(now)} (UTC)" if now else "No event time yet"
    stamp = f' data-event-time="{now.isoformat()}"' if now else ""
    if at is not None:
        moment, stamp = f"As of the past day {style.stamp(at)} (UTC)", ""
    return (
        f'<div class="sg-heading"><div class="sg-eyebrow"{stamp}>{moment}</div><h1>{escape(text)}</h1>'
        f"<p>{escape(subtitle)}</p></div>"
    )


def opening(text: str, subtitle: str) -> str:
    """The top of a page while its first reading of Postgres takes place."""
    return (
        f'<div class="sg-opening"><div class="sg-eyebrow" role="status">Reading …</div>'
        f"<h1>{escape(text)}</h1><p>{escape(subtitle)}</p></div>"
    )


def address(page: str, as_of: datetime | None = None, **chosen: str) -> str:
    """The address of a page with some choices and the past day that the reader has chosen, for an attribute of HTML."""
    query = urlencode(chosen | ({} if as_of is None else {"as_of": f"{as_of:%Y-%m-%d}"}))
    # Relative, so that it works wherever the dashboard is mounted.
    return escape(f"{page}?{query}" if query else page)


def customer_link(customer_id: str, as_of: datetime | None = None) -> str:
    """A customer's id as a link to the customer page, as of the past day that the reader has chosen."""
    return f'<a class="sg-id" href="{address("customer", as_of, customer=customer_id)}">{escape(customer_id)}</a>'


def segment_dot(persona: Persona) -> str:
    """A segment's name after a dot of its colour."""
    return f'<span class="sg-dot" style="--persona:{escape(persona.colour)}">{escape(persona.name)}</span>'


def move(before: Persona, after: Persona) -> str:
    """A move between two segments, with an arrow."""
    return f'{segment_dot(before)}<span class="sg-arrow">→</span>{segment_dot(after)}'


def cause_label(code: str) -> str:
    """A cause on a tinted label."""
    words = cause(code)
    tint = f'style="--cause:{cause_colour(code)}" title="{escape(words.sentence)}"'
    return f'<span class="sg-why" {tint}>{escape(words.phrase)}</span>'


def exact(at: datetime) -> str:
    """A moment to the minute, with the exact one as a tooltip."""
    return f'<time datetime="{at.isoformat()}" title="{at.isoformat()}">{style.stamp(at)}</time>'


def outlook(persona: Persona, at: datetime, now: datetime) -> str:
    """The segment that time alone will move a customer to, and the moment."""
    days = max(at - now, timedelta()).days
    if at - now > FORESEEABLE:
        return f"Unless they buy: {segment_dot(persona)}, but only {BEYOND}"
    when = f"in {many(days, 'day')}" if days else "within a day"
    return f"Unless they buy: {segment_dot(persona)} from <b>{style.stamp(at)}</b> ({when})"


def title(text: str, subtitle: str = "") -> str:
    """The heading of a part of the page, with a quieter line below."""
    return f'<h2 class="sg-title">{escape(text)}</h2>{note(subtitle) if subtitle else ""}'


def note(text: str) -> str:
    """A quiet line of text."""
    return f'<div class="sg-note">{escape(text)}</div>'


def cause_legend(codes: Iterable[str], text: str) -> str:
    """A few words about a figure, and the colour of each cause in it."""
    marks = "".join(
        f'<span class="sg-mark" style="--cause:{cause_colour(c)}">{escape(cause(c).phrase)}</span>' for c in codes
    )
    return f'<div class="sg-note">{escape(text)} {marks}</div>'


def counter(name: str, number: int, meaning: str, mood: str = "") -> str:
    """A number of a row of totals, with its meaning as a tooltip; ``mood`` is a class such as ``sg-quiet``."""
    return (
        f'<div class="sg-total {mood}" title="{escape(meaning)}">'
        f'<b data-total="{name}">{number:,}</b><span>{name}</span></div>'
    )


def change_table(changes: pd.DataFrame, known: Personas, money: Money, as_of: datetime | None = None) -> str:
    """Changes as a table; R, F and M are the customer's numbers at the moment of the change."""
    rows = "".join(_change(row, known, money, as_of) for row in changes.to_dict("records"))
    wide = "".join(f'<th class="sg-wide sg-right">{name}</th>' for name in ("Last bought", "Purchases", "Spend"))
    head = f"<tr><th>Event time</th><th>Customer</th><th>Move</th><th>Cause</th>{wide}</tr>"
    return f'<table class="sg-changes"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def empty(text: str) -> str:
    """In place of a table or figure that would be empty."""
    return f'<div class="sg-nobody">{escape(text)}</div>'


def trouble(state: Trouble) -> str:
    """A state without data, in place of the page."""
    return (
        f'<div class="sg-trouble"><img src="{style.MARK_URI}" alt=""><h2>{escape(state.title)}</h2>'
        f"<p>{escape(state.reason)}</p>"
        f'<p class="sg-next">{_with_code(state.next_step)}</p></div>'
    )


def banner(state: Trouble) -> str:
    """A state without new data, above the last known numbers."""
    return (
        f'<div class="sg-banner" role="status"><b>{escape(state.title)}.</b> {escape(state.reason)} '
        "The numbers below are the last known ones.</div>"
    )


def _with_code(text: str) -> str:
    return re.sub("`(.*?)`", r"<code>\1</code>", escape(text))


def _change(row: dict[Any, Any], known: Personas, money: Money, as_of: datetime | None) -> str:
    before, after = (look_up(known, row[key]) for key in ("from_segment", "to_segment"))
    recency = row["recency_days"]
    last_bought = f"{many(recency, 'day')} before" if recency else "same day"
    details = (last_bought, f"{row['frequency']:,}", money.exact(row["monetary"]))
    return (
        f'<tr><td class="sg-when">{style.stamp(row["effective_at"])}</td>'
        f"<td>{customer_link(row['customer_id'], as_of)}</td>"
        f"<td>{move(before, after)}</td><td>{cause_label(row['cause'])}</td>"
        + "".join(f'<td class="sg-wide sg-right">{detail}</td>' for detail in details)
        + "</tr>"
    )
