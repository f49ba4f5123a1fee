"""The live page's text: event time, throughput, totals, a card per segment, and the causes of moves."""

import pandas as pd

from dashboard.live.throughput import Pace
from dashboard.shared import elements, style, typical_text
from dashboard.shared.labels import BY_TIME, LivePeriod, cause, in_order
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.plotting import cause_colour
from dashboard.shared.reading import StreamProgress
from runtime.counts import many
from runtime.money import Money

OUTLOOK_DAYS = 30
# The clock is the heading that is seen; this one is for screen readers.
HEADING = '<h1 class="sg-unseen">Live</h1>'


def event_clock(progress: StreamProgress, pace: Pace | None) -> str:
    """The event time that every partition has been processed up to, and how fast it passes."""
    now = progress.watermark
    if now is None:
        waiting = f"{progress.silent} of {many(progress.partitions, 'partition')} without a tick yet"
        clock = '<div class="sg-eyebrow">Event time</div><div class="sg-day">Not started</div>'
        return HEADING + clock + elements.note(waiting)
    facts = [*_speed(pace), many(progress.partitions, "partition") + _apart(progress)]
    return (
        f'{HEADING}<div class="sg-eyebrow">Event time (UTC)</div>'
        f'<div class="sg-day" data-event-time="{now.isoformat()}">{style.day(now)}'
        f'<span class="sg-time">{style.clock(now)}</span></div>' + elements.note(" · ".join(facts))
    )


def throughput(pace: Pace | None) -> str:
    """Transactions per second, as a number."""
    value = style.count(pace.transactions) if pace else style.NOTHING
    return (
        f'<div class="sg-eyebrow">Throughput</div><div class="sg-rate">{value}</div>'
        '<div class="sg-note">transactions per second</div>'
    )


def totals(progress: StreamProgress, customers: int) -> str:
    """The counters since the beginning."""
    alarm = "sg-alarm" if progress.dead_letters else "sg-quiet"
    counters = (
        ("transactions", progress.transactions, "Invoices and credit notes that were processed", ""),
        ("customers", customers, "Everyone who ever bought or returned something", ""),
        ("changes", progress.changes, "Segment changes, including first segments", ""),
        ("duplicates", progress.duplicates, elements.DUPLICATES, "sg-quiet"),
        ("late", progress.late, elements.LATE, "sg-quiet"),
        ("dead letters", progress.dead_letters, elements.DEAD_LETTERS, alarm),
    )
    return f'<div class="sg-totals">{"".join(elements.counter(*each) for each in counters)}</div>'


def segment_cards(sizes: pd.DataFrame, flows: pd.DataFrame, known: Personas, period: LivePeriod, money: Money) -> str:
    """One card per segment: its customers, their spend, arrivals and departures, and who is about to leave.

    Parameters
    ----------
    sizes, flows
        As :func:`dashboard.live.queries.segment_sizes` and :func:`dashboard.shared.flows.flows` return them.
    """
    by_segment = sizes.set_index("segment")
    arrivals = flows.groupby("to_segment")["changes"].sum()
    departures = flows.groupby("from_segment")["changes"].sum()
    total = int(by_segment["customers"].drop("", errors="ignore").sum())
    cards = ""
    for segment in [*known, *sorted({*by_segment.index} - {*known, ""})]:
        number, due = (int(by_segment[column].get(segment, 0)) for column in ("customers", "due"))
        spend = money.short(by_segment["spent"].get(segment, 0))
        came, went = int(arrivals.get(segment, 0)), int(departures.get(segment, 0))
        persona, moves = look_up(known, segment), _net_flow(came, went, period) + _due(due)
        cards += _card(persona, number, total, spend, f"{moves}<p>{escape(typical_text.about(persona, money))}</p>")
    return f'<div class="sg-cards">{cards}</div>{_without_segment(int(by_segment["customers"].get("", 0)))}'


def cause_bars(flows: pd.DataFrame, period: LivePeriod) -> str:
    """The causes of moves between segments, with the share of time alone as the headline."""
    entered = flows["from_segment"] == ""
    entries = flows[entered].groupby("cause")["changes"].sum()
    moves = flows[~entered].groupby("cause")["changes"].sum()
    total = int(moves.sum())
    if not total:
        text = f"No customer moved {escape(period.phrase)}."
        return f'<div class="sg-headline"><p>{text}</p></div>{_entries(entries)}'
    order = in_order(moves.index)
    strip = "".join(f'<i style="flex-grow:{moves[code]};background:{cause_colour(code)}"></i>' for code in order)
    bars = "".join(_bar(code, int(moves[code]), total) for code in order)
    return (
        f'<div class="sg-headline"><b>{style.percent(sum(int(moves.get(each, 0)) for each in BY_TIME), total)}</b>'
        f"<p>of {many(total, 'move')} between segments {escape(period.phrase)} happened "
        "<strong>without any transaction</strong>: time alone caused them.</p></div>"
        f'<div class="sg-strip">{strip}</div><div class="sg-bars">{bars}</div>{_entries(entries)}'
    )


def _speed(pace: Pace | None) -> list[str]:
    if pace is None or pace.event_days is None:
        return []
    return [f"{pace.event_days:,.1f} days per second" if pace.event_days > 0 else "not moving"]


def _apart(progress: StreamProgress) -> str:
    if progress.partitions < 2 or progress.watermark is None or progress.newest_watermark is None:
        return ""
    apart = progress.newest_watermark - progress.watermark
    return f", {style.span(apart)} apart" if apart else ", all at the same time"


def _card(persona: Persona, number: int, total: int, spend: str, rest: str) -> str:
    share = 100 * number / total if total else 0
    return (
        f'<div class="sg-card" data-segment="{escape(persona.id)}" style="--persona:{escape(persona.colour)}">'
        f'<div class="sg-persona" title="{escape(persona.action)}">{escape(persona.name)}</div>'
        f'<div class="sg-size"><b>{number:,}</b><span>{style.percent(number, total)}</span></div>'
        f'<div class="sg-worth" title="Total spend so far, net of returns"><b>{spend}</b> spend so far</div>'
        f'<div class="sg-share"><i style="width:{share:.1f}%"></i></div>'
        f"{rest}</div>"
    )


def _net_flow(came: int, went: int, period: LivePeriod) -> str:
    arrow = "▲" if came > went else "▼" if came < went else "■"
    meaning = f"{many(came, 'arrival')} and {many(went, 'departure')} {period.phrase}"
    return (
        f'<div class="sg-flow" title="{escape(meaning)}"><b>{arrow} {style.signed(came - went)}</b>'
        f"<span>{came:,} in · {went:,} out</span></div>"
    )


def _due(due: int) -> str:
    verb = "leaves" if due == 1 else "leave"
    text = (
        f"<b>{due:,}</b> {verb} within {OUTLOOK_DAYS} days unless they buy" if due else "No customer is about to leave"
    )
    return f'<div class="sg-due">{text}</div>'


def _without_segment(number: int) -> str:
    if not number:
        return ""
    verb = "has" if number == 1 else "have"
    return elements.note(f"{many(number, 'customer')} only ever returned goods and {verb} no segment.")


def _bar(code: str, number: int, total: int) -> str:
    words = cause(code)
    return (
        f'<div class="sg-bar" title="{escape(words.sentence)}"><i style="background:{cause_colour(code)}"></i>'
        f'<span>{escape(words.phrase)}</span><b data-cause="{escape(code)}">{number:,}</b>'
        f"<em>{style.percent(number, total)}</em></div>"
    )


def _entries(by_cause: pd.Series) -> str:
    texts = {"first_purchase": "bought for the first time", "first_model": "got a segment from the first model"}
    parts = [
        f"{many(number, 'customer')} {text}" for code, text in texts.items() if (number := int(by_cause.get(code, 0)))
    ]
    return elements.note(f"In addition, {' and '.join(parts)}.") if parts else ""
