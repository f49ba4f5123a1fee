"""The customer page's text: the header, the list of changes, and similar customers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from dashboard.shared import elements, predicted_text, rhythm_text, style, typical_text
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.predicted import Predicted
from dashboard.shared.rhythm import OwnRhythm
from models.personas import is_good
from models.purchase_text import ALL_CANCELLED
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money

ONLY_RETURNS = "No segment: never bought, only returned goods"
UNPUBLISHED = "No segment had been published by then"
UNSETTLED = (
    "An order of this customer came late or was revised. So the segment that was published then does not follow from "
    "the numbers as they are known now, and what would have moved them is not shown."
)


@dataclass(frozen=True)
class Portrait:
    """A customer as of event time; ``recency_days`` and ``segment`` are None if they only ever returned goods.

    ``rhythm`` and ``predicted`` are None without an order, and without a model that predicts orders. ``is_settled`` is
    False as of a past day whose segment does not follow from R, F and M as they are known now; then nothing is known of
    the next change. ``all_cancelled`` says that ``recency_days`` counts from the last event, because every order was
    cancelled. ``frequency`` and ``monetary`` are those of the last ``window_days``, or of all time without a
    window.
    """

    customer_id: str
    country: str
    segment: str | None
    since: datetime | None
    recency_days: int | None
    frequency: int
    monetary: float
    first_purchase_at: datetime | None
    next_change_at: datetime | None
    next_segment: str | None
    rhythm: OwnRhythm | None = None
    is_settled: bool = True
    has_bought: bool = True
    all_cancelled: bool = False
    window_days: int | None = None
    predicted: Predicted | None = None


def portrait(who: Portrait, known: Personas, now: datetime, money: Money) -> str:
    """The header: the persona and since when, the numbers that decide the segment, and the next change."""
    persona = look_up(known, who.segment)
    name = persona.name if who.segment else UNPUBLISHED if who.has_bought else ONLY_RETURNS
    since = f" since {style.stamp(who.since)}" if who.since else ""
    tiles = (
        ("last purchase", _last_purchase(who)),
        (f"purchases{in_last_days(who.window_days)}", f"{who.frequency:,}"),
        (f"spend{in_last_days(who.window_days)}", money.exact(who.monetary)),
        ("country", escape(who.country)),
        (
            "first purchase",
            style.stamp(who.first_purchase_at).partition(",")[0] if who.first_purchase_at else style.NOTHING,
        ),
    )
    numbers = "".join(f'<div class="sg-total"><b>{value}</b><span>{title}</span></div>' for title, value in tiles)
    return (
        f'<div class="sg-who" data-customer="{escape(who.customer_id)}" style="--persona:{escape(persona.colour)}">'
        f'<div class="sg-eyebrow">Customer</div><div class="sg-day">{escape(who.customer_id)}</div>'
        f'<div class="sg-since"><b data-segment="{escape(who.segment or "")}">{escape(name)}</b>{since}</div>'
        f"{_rhythm(who, now, money)}{_predicted(who, now, money)}<p>{_outlook(who, known, now)}</p></div>"
        f'<div class="sg-totals">{numbers}</div>'
    )


def advice(who: Portrait, known: Personas, money: Money) -> str:
    """The persona's description and recommended action, what is typical of it, and where the customer does not fit."""
    persona = look_up(known, who.segment)
    text = f'<div class="sg-note">{escape(persona.description)} <b>{escape(persona.action)}</b></div>'
    instead = None if who.rhythm is None else rhythm_text.ADVICE.get(who.rhythm.state)
    # Advice for good customers would be wrong for one who has stopped; that for others is about those who have.
    if who.rhythm is not None and instead is not None and is_good(persona.id):
        state = rhythm_text.STATES[who.rhythm.state].lower()
        usual = f"The usual advice for {persona.name} does not hold for a customer who is {state}."
        text = f'<div class="sg-note sg-unusual"><b>{escape(instead)}</b> {escape(usual)}</div>'
    if persona.typical is None or who.recency_days is None:
        return text
    numbers = (who.recency_days, who.frequency, who.monetary)
    unusual = typical_text.misfit(persona.name, persona.typical, numbers, money)
    if unusual is not None and who.recency_days > persona.typical.recency.most and is_good(persona.id):
        # With or without predictions: no typical customer of this segment is silent for as long, so its advice is void.
        text = text if instead is not None else ""
        text = f'<div class="sg-note sg-unusual"><b>{escape(unusual)}</b></div>{text}'
    elif unusual is not None:
        warning = f"<b>{escape(unusual)}</b> What is said of {escape(persona.name)} may not hold here:"
        text = f'<div class="sg-note sg-unusual">{warning}</div>{text}'
    usual = f"Typical of {persona.name}: {typical_text.rule(persona.typical, money)}"
    return f'{text}<div class="sg-note sg-typical">{escape(usual)}</div>'


def past(changes: pd.DataFrame, known: Personas, money: Money) -> str:
    """The list of changes, the newest first, with their exact event times."""
    if changes.empty:
        return elements.empty("This customer has not entered a segment yet.")
    rows = "".join(_change(row, known, money) for row in changes.iloc[::-1].to_dict("records"))
    wide = "".join(f'<th class="sg-wide sg-right">{title}</th>' for title in ("Days since", "Purchases", "Spend"))
    head = f"<tr><th>Event time</th><th>No.</th><th>Move</th><th>Cause</th>{wide}</tr>"
    return f'<table class="sg-changes sg-past"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def neighbours(nearest: pd.DataFrame, known: Personas, money: Money) -> str:
    """The most similar customers, the nearest first."""
    if nearest.empty:
        return elements.empty("There is no other customer to compare with.")
    rows = "".join(
        f"<tr><td>{elements.customer_link(row['customer_id'])}</td>"
        f"<td>{elements.segment_dot(look_up(known, row['segment']))}</td>"
        f'<td class="sg-right sg-wide">{row["recency"]:,} d</td><td class="sg-right sg-wide">{row["frequency"]:,}</td>'
        f'<td class="sg-right">{money.exact(row["monetary"])}</td><td class="sg-right">{row["distance"]:.2f}</td></tr>'
        for row in nearest.to_dict("records")
    )
    head = (
        '<tr><th>Customer</th><th>Segment</th><th class="sg-right sg-wide">Days since</th>'
        '<th class="sg-right sg-wide">Purchases</th><th class="sg-right">Spend</th>'
        '<th class="sg-right">Distance</th></tr>'
    )
    return f'<table class="sg-changes sg-people"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def unknown(typed: str, suggested: Iterable[str], as_of: datetime | None = None) -> str:
    """An unknown number, and numbers that begin alike."""
    links = _links(suggested, as_of)
    hint = f"<p>Numbers that begin alike:</p>{links}" if links else "<p>No customer is known yet.</p>"
    return f'<div class="sg-trouble" data-unknown="{escape(typed)}"><h2>No customer {escape(typed)}</h2>{hint}</div>'


def welcome(suggested: Iterable[str], as_of: datetime | None = None) -> str:
    """The page before a customer is chosen."""
    return (
        '<div class="sg-trouble"><h2>Choose a customer</h2><p>Type a customer’s number above, '
        f"or choose one of those who moved last:</p>{_links(suggested, as_of)}</div>"
    )


def persona_legend(segments: Iterable[str], known: Personas) -> str:
    """The colour of each segment, in the personas' order."""
    present = {*segments}
    ordered = [segment for segment in known if segment in present] + sorted(present - {*known})
    shown = (look_up(known, segment) for segment in ordered)
    return " ".join(
        f'<span class="sg-mark" style="--cause:{escape(persona.colour)}">{escape(persona.name)}</span>'
        for persona in shown
    )


def simulator_link(customer_id: str) -> str:
    """A link to the simulator, filled in with this customer."""
    address = elements.address("simulator", customer=customer_id)
    return f'<a class="sg-id sg-pill" href="{address}">What if they buy? Open the simulator</a>'


def _links(ids: Iterable[str], as_of: datetime | None) -> str:
    links = "".join(elements.customer_link(each, as_of) for each in ids)
    return f'<p class="sg-ids">{links}</p>' if links else ""


def _last_purchase(who: Portrait) -> str:
    if who.all_cancelled:
        return ALL_CANCELLED
    if who.recency_days is None:
        return "never"
    return f"{many(who.recency_days, 'day')} ago" if who.recency_days else "today"


def _outlook(who: Portrait, known: Personas, now: datetime) -> str:
    if not who.is_settled:
        return UNSETTLED
    if who.segment is None:
        return "They get a segment with their first purchase."
    if who.next_change_at is None or who.next_segment is None:
        return "They never move by time alone."
    return elements.outlook(look_up(known, who.next_segment), who.next_change_at, now)


def _rhythm(who: Portrait, now: datetime, money: Money) -> str:
    """The customer against the own rhythm, and what is at stake."""
    own = who.rhythm
    if own is None:
        return ""
    return (
        f'<p data-risk="{own.state}"><b>{rhythm_text.sentence(own, now)}.</b> '
        f"At stake: {money.exact(own.at_stake)}.</p>"
    )


def _predicted(who: Portrait, now: datetime, money: Money) -> str:
    """How probable an order is, when the next one comes, and what they spend within a year."""
    if who.predicted is None:
        return ""
    is_lost = who.rhythm is not None and who.rhythm.state == "presumed_lost"
    sentences = (
        predicted_text.chances(who.predicted),
        predicted_text.NO_DAY if is_lost else predicted_text.next_order(who.predicted, now),
        predicted_text.spend(who.predicted, money),
    )
    return f'<p data-predicted="{who.predicted.within_90_days:.4f}">{escape(" ".join(sentences))}</p>'


def _change(row: dict[Any, Any], known: Personas, money: Money) -> str:
    numbers = (f"{row['recency_days']:,}", f"{row['frequency']:,}", money.exact(row["monetary"]))
    before, after = (look_up(known, row[key]) for key in ("from_segment", "to_segment"))
    cause = elements.cause_label(row["cause"])
    invoice = f'<span class="sg-when"> {escape(row["transaction_id"])}</span>' if row["transaction_id"] else ""
    return (
        f'<tr><td class="sg-when">{elements.exact(row["effective_at"])}</td><td class="sg-when">{row["sequence"]}</td>'
        f"<td>{elements.move(before, after)}</td><td>{cause}{invoice}</td>"
        + "".join(f'<td class="sg-wide sg-right">{number}</td>' for number in numbers)
        + "</tr>"
    )
