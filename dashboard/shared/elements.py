"""The parts of a page that are text rather than figures: small pure functions to HTML, everything escaped."""

import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from dashboard.shared import style
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.plotting import cause_colour
from dashboard.shared.reading import StreamProgress
from dashboard.shared.throughput import Pace
from dashboard.shared.trouble import Trouble
from dashboard.shared.words import Window, cause, in_order, many

OUTLOOK_DAYS = 30


def heading(text: str, note: str, progress: StreamProgress) -> str:
    """The top of a page: what it is, and as of which event time."""
    now = progress.event_time
    moment = f"As of event time {style.stamp(now)} (UTC)" if now else "No event time yet"
    stamp = f' data-event-time="{now.isoformat()}"' if now else ""
    return (
        f'<div class="sg-heading"><div class="sg-eyebrow"{stamp}>{moment}</div><h1>{escape(text)}</h1>'
        f"<p>{escape(note)}</p></div>"
    )


def opening(text: str, note: str) -> str:
    """The top of a page that is being read for the first time."""
    return (
        f'<div class="sg-opening"><div class="sg-eyebrow" role="status">Reading …</div>'
        f"<h1>{escape(text)}</h1><p>{escape(note)}</p></div>"
    )


def customer_link(customer_id: str) -> str:
    """A customer's id, leading to their page."""
    # Relative, so that it holds wherever the dashboard is mounted.
    return f'<a class="sg-id" href="customer?{urlencode({"customer": customer_id})}">{escape(customer_id)}</a>'


def segment_dot(persona: Persona) -> str:
    """A segment's name after a dot of its colour."""
    return f'<span class="sg-dot" style="--persona:{escape(persona.colour)}">{escape(persona.name)}</span>'


def movement(before: Persona, after: Persona) -> str:
    """From segment to segment."""
    return f'{segment_dot(before)}<span class="sg-arrow">→</span>{segment_dot(after)}'


def cause_mark(code: str) -> str:
    """A cause on a tinted label."""
    words = cause(code)
    tint = f'style="--cause:{cause_colour(code)}" title="{escape(words.sentence)}"'
    return f'<span class="sg-why" {tint}>{escape(words.phrase)}</span>'


def title(text: str, note: str = "") -> str:
    """The heading of a part of the page, with a quieter line below."""
    return f'<div class="sg-title">{escape(text)}</div>{_note(note) if note else ""}'


def legend(codes: Iterable[str], note: str) -> str:
    """Which colour stands for which cause, after a few words on the figure."""
    marks = "".join(
        f'<span class="sg-mark" style="--cause:{cause_colour(c)}">{escape(cause(c).phrase)}</span>' for c in codes
    )
    return f'<div class="sg-note">{escape(note)} {marks}</div>'


def event_clock(progress: StreamProgress, pace: Pace | None) -> str:
    """The moment up to which every partition has been processed, and how fast it passes."""
    now = progress.event_time
    if now is None:
        waiting = f"{progress.silent} of {many(progress.partitions, 'partition')} not heard from yet"
        return f'<div class="sg-eyebrow">Event time</div><div class="sg-day">Not started</div>{_note(waiting)}'
    notes = [*_passing(pace), many(progress.partitions, "partition") + _apart(progress)]
    return (
        '<div class="sg-eyebrow">Event time (UTC)</div>'
        f'<div class="sg-day" data-event-time="{now.isoformat()}">{style.day(now)}'
        f'<span class="sg-time">{style.clock(now)}</span></div>' + _note(" · ".join(notes))
    )


def throughput(pace: Pace | None) -> str:
    """Transactions a second, as a number."""
    value = style.count(pace.transactions) if pace else style.NOTHING
    return (
        f'<div class="sg-eyebrow">Throughput</div><div class="sg-rate">{value}</div>'
        '<div class="sg-note">transactions a second</div>'
    )


def totals(progress: StreamProgress, customers: int) -> str:
    """The counters since the beginning."""
    alarm = "sg-alarm" if progress.dead_letters else "sg-quiet"
    tiles = (
        ("transactions", progress.transactions, "Invoices and credit notes processed", ""),
        ("customers", customers, "Everybody who ever bought or returned something", ""),
        ("changes", progress.changes, "Segment changes, first purchases included", ""),
        ("duplicates", progress.duplicates, "Seen before: dropped, and harmless", "sg-quiet"),
        ("late", progress.late, "Arrived after their time: counted, not dropped", "sg-quiet"),
        ("dead letters", progress.dead_letters, "Could not be used: kept aside with the reason", alarm),
    )
    return f'<div class="sg-totals">{"".join(_total(*tile) for tile in tiles)}</div>'


def segment_cards(sizes: pd.DataFrame, flows: pd.DataFrame, known: Personas, window: Window) -> str:
    """One card per segment: how many are in it, what they spent, who came and went, and who is about to go.

    Parameters
    ----------
    sizes, flows
        As :func:`dashboard.pages.live.queries.segment_sizes` and :func:`dashboard.shared.flows.flows` give them.
    """
    by_segment = sizes.set_index("segment")
    arrivals = flows.groupby("to_segment")["changes"].sum()
    departures = flows.groupby("from_segment")["changes"].sum()
    everyone = int(by_segment["customers"].drop("", errors="ignore").sum())
    cards = ""
    for segment in [*known, *sorted({*by_segment.index} - {*known, ""})]:
        number, due = (int(by_segment[column].get(segment, 0)) for column in ("customers", "due"))
        spent = style.short_money(by_segment["spent"].get(segment, 0))
        came, went = int(arrivals.get(segment, 0)), int(departures.get(segment, 0))
        movement = _flow(came, went, window) + _due(due)
        cards += _card(look_up(known, segment), number, everyone, spent, movement)
    return f'<div class="sg-cards">{cards}</div>{_without_segment(int(by_segment["customers"].get("", 0)))}'


def cause_bars(flows: pd.DataFrame, window: Window) -> str:
    """What moved customers from one segment to another, with the share of time alone as the headline."""
    entered = flows["from_segment"] == ""
    entries = int(flows.loc[entered, "changes"].sum())
    moves = flows[~entered].groupby("cause")["changes"].sum()
    total = int(moves.sum())
    if not total:
        return f'<div class="sg-headline"><p>Nobody moved {escape(window.phrase)}.</p></div>{_entries(entries)}'
    order = in_order(moves.index)
    strip = "".join(f'<i style="flex-grow:{moves[code]};background:{cause_colour(code)}"></i>' for code in order)
    bars = "".join(_bar(code, int(moves[code]), total) for code in order)
    return (
        f'<div class="sg-headline"><b>{style.percent(int(moves.get("decay", 0)), total)}</b>'
        f"<p>of {many(total, 'move')} between segments {escape(window.phrase)} took "
        "<strong>no transaction at all</strong>. Time alone did it.</p></div>"
        f'<div class="sg-strip">{strip}</div><div class="sg-bars">{bars}</div>{_entries(entries)}'
    )


def latest_changes(changes: pd.DataFrame, known: Personas) -> str:
    """The newest changes as a table; R, F and M are what the customer looked like at that moment."""
    rows = "".join(_change(row, known) for row in changes.to_dict("records"))
    wide = "".join(f'<th class="sg-wide sg-right">{name}</th>' for name in ("Last bought", "Purchases", "Spent"))
    head = f"<tr><th>Event time</th><th>Customer</th><th>Moved</th><th>Why</th>{wide}</tr>"
    return f'<table class="sg-changes"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def nobody(text: str) -> str:
    """In place of a table or figure that would be empty."""
    return f'<div class="sg-nobody">{escape(text)}</div>'


def trouble(state: Trouble) -> str:
    """A designed state instead of data."""
    return (
        f'<div class="sg-trouble"><img src="{style.MARK_URI}" alt=""><h2>{escape(state.title)}</h2>'
        f"<p>{escape(state.reason)}</p>"
        f'<p class="sg-next">{_with_code(state.next_step)}</p></div>'
    )


def banner(state: Trouble) -> str:
    """A trouble that leaves the last known numbers standing."""
    return (
        f'<div class="sg-banner" role="status"><b>{escape(state.title)}.</b> {escape(state.reason)} '
        "Below is what was last known.</div>"
    )


def _passing(pace: Pace | None) -> list[str]:
    if pace is None or pace.event_days is None:
        return []
    return [f"passing {pace.event_days:,.1f} days a second" if pace.event_days > 0 else "standing still"]


def _note(text: str) -> str:
    return f'<div class="sg-note">{escape(text)}</div>'


def _apart(progress: StreamProgress) -> str:
    if progress.partitions < 2 or progress.event_time is None or progress.newest_event_time is None:
        return ""
    apart = progress.newest_event_time - progress.event_time
    return f", {style.span(apart)} apart" if apart else ", all level"


def _with_code(text: str) -> str:
    return re.sub("`(.*?)`", r"<code>\1</code>", escape(text))


def _total(name: str, number: int, meaning: str, mood: str) -> str:
    return (
        f'<div class="sg-total {mood}" title="{escape(meaning)}">'
        f'<b data-total="{name}">{number:,}</b><span>{name}</span></div>'
    )


def _card(persona: Persona, number: int, everyone: int, spent: str, movement: str) -> str:
    share = 100 * number / everyone if everyone else 0
    return (
        f'<div class="sg-card" data-segment="{escape(persona.id)}" style="--persona:{escape(persona.colour)}">'
        f'<div class="sg-persona" title="{escape(persona.action)}">{escape(persona.name)}</div>'
        f'<div class="sg-size"><b>{number:,}</b><span>{style.percent(number, everyone)}</span></div>'
        f'<div class="sg-worth" title="Spent so far, net of returns"><b>{spent}</b> spent so far</div>'
        f'<div class="sg-share"><i style="width:{share:.1f}%"></i></div>'
        f"{movement}<p>{escape(persona.description)}</p></div>"
    )


def _flow(came: int, went: int, window: Window) -> str:
    arrow = "▲" if came > went else "▼" if came < went else "■"
    meaning = f"{many(came, 'arrival')} and {many(went, 'departure')} {window.phrase}"
    return (
        f'<div class="sg-flow" title="{escape(meaning)}"><b>{arrow} {style.signed(came - went)}</b>'
        f"<span>{came:,} in · {went:,} out</span></div>"
    )


def _due(due: int) -> str:
    verb = "leaves" if due == 1 else "leave"
    said = f"<b>{due:,}</b> {verb} within {OUTLOOK_DAYS} days unless they buy" if due else "Nobody is about to leave"
    return f'<div class="sg-due">{said}</div>'


def _without_segment(number: int) -> str:
    if not number:
        return ""
    verb = "has" if number == 1 else "have"
    return _note(f"{many(number, 'customer')} only ever returned goods and {verb} no segment.")


def _bar(code: str, number: int, total: int) -> str:
    words = cause(code)
    return (
        f'<div class="sg-bar" title="{escape(words.sentence)}"><i style="background:{cause_colour(code)}"></i>'
        f'<span>{escape(words.phrase)}</span><b data-cause="{escape(code)}">{number:,}</b>'
        f"<em>{style.percent(number, total)}</em></div>"
    )


def _entries(entries: int) -> str:
    if not entries:
        return ""
    return _note(f"Besides, {many(entries, 'customer')} arrived with a first purchase.")


def _change(row: dict[Any, Any], known: Personas) -> str:
    before, after = (look_up(known, row[key]) for key in ("from_segment", "to_segment"))
    recency, code = row["recency_days"], row["cause"]
    last_bought = f"{many(recency, 'day')} before" if recency else "today"
    details = (last_bought, f"{row['frequency']:,}", style.money(row["monetary"]))
    return (
        f'<tr><td class="sg-when">{style.stamp(row["effective_at"])}</td>'
        f"<td>{customer_link(row['customer_id'])}</td>"
        f"<td>{movement(before, after)}</td><td>{cause_mark(code)}</td>"
        + "".join(f'<td class="sg-wide sg-right">{detail}</td>' for detail in details)
        + "</tr>"
    )
