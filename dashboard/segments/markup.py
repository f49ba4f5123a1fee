"""The segments page's text: a card per segment, and the table of customers."""

from datetime import datetime
from typing import Any

import pandas as pd

from dashboard.shared import elements, style, typical_text
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.rhythm_text import BEYOND, FORESEEABLE
from runtime.counts import many
from runtime.money import Money

MEASURES = (("recency", "Days since"), ("frequency", "Purchases"), ("monetary", "Spend"))


def cards(summary: pd.DataFrame, known: Personas, total: int, money: Money) -> str:
    """One card per segment: its size, total spend, means, medians, what is typical of it, and the recommended action.

    Parameters
    ----------
    summary
        By segment: customers, total, and mean and median of each measure (recency_mean, recency_median, ...).
    total
        The number of customers who have a segment.
    """
    found = [persona for persona in known.values() if persona.id in summary.index]
    inner = "".join(_card(persona, summary.loc[persona.id].to_dict(), total, money) for persona in found)
    return f'<div class="sg-cards sg-explorer">{inner}</div>'


def customers(rows: pd.DataFrame, known: Personas, money: Money, now: datetime) -> str:
    """One page of customers as of event time ``now``, with links to the customer page."""
    head = (
        '<tr><th>Customer</th><th>Segment</th><th class="sg-wide">Country</th><th class="sg-right">Last bought</th>'
        '<th class="sg-right sg-wide">Purchases</th><th class="sg-right">Spend</th>'
        '<th class="sg-wide sg-apart">Next segment, unless they buy</th></tr>'
    )
    cells = "".join(_customer(row, known, money, now) for row in rows.to_dict("records"))
    return f'<table class="sg-changes sg-people"><thead>{head}</thead><tbody>{cells}</tbody></table>'


def past_customers(rows: pd.DataFrame, known: Personas, money: Money, as_of: datetime) -> str:
    """One page of customers as they were at a past moment, with links to the customer page."""
    head = (
        '<tr><th>Customer</th><th>Segment</th><th class="sg-wide">Since</th><th class="sg-wide">Before</th>'
        '<th class="sg-wide">Country</th><th class="sg-right">Last bought</th>'
        '<th class="sg-right sg-wide">Purchases</th><th class="sg-right">Spend</th></tr>'
    )
    cells = "".join(_past_customer(row, known, money, as_of) for row in rows.to_dict("records"))
    return f'<table class="sg-changes sg-people"><thead>{head}</thead><tbody>{cells}</tbody></table>'


def next_change(at: datetime | None, segment: str | None, known: Personas, now: datetime) -> str:
    """The segment that time alone moves a customer to, and the day if it is near enough to mean anything."""
    if at is None or pd.isna(at):
        return '<span class="sg-when">never by time alone</span>'
    day = style.date(at) if at - now <= FORESEEABLE else BEYOND
    return f'{elements.segment_dot(look_up(known, segment))} <span class="sg-when">{day}</span>'


def _card(persona: Persona, numbers: dict[Any, float], total: int, money: Money) -> str:
    size = int(numbers["customers"])
    lines = "".join(
        f"<tr><th>{title}</th><td>{_written(name, numbers[f'{name}_mean'], money)}</td>"
        f"<td>{_written(name, numbers[f'{name}_median'], money)}</td></tr>"
        for name, title in MEASURES
    )
    typical = "" if persona.typical is None else escape(f"Typical: {typical_text.rule(persona.typical, money)}")
    return (
        f'<div class="sg-card" data-segment="{escape(persona.id)}" style="--persona:{escape(persona.colour)}">'
        f'<div class="sg-persona">{escape(persona.name)}</div>'
        f'<div class="sg-size"><b>{size:,}</b><span>{style.percent(size, total)}</span></div>'
        f'<div class="sg-share"><i style="width:{100 * size / max(total, 1):.1f}%"></i></div>'
        f'<div class="sg-note">{_total(numbers, money)}</div>'
        f"<table><thead><tr><th></th><td>mean</td><td>median</td></tr></thead><tbody>{lines}</tbody></table>"
        f'<div class="sg-note sg-typical">{typical}</div>'
        f'<p class="sg-do">{escape(persona.action)}</p></div>'
    )


def _total(numbers: dict[Any, float], money: Money) -> str:
    """The total spend; the model counts no customer below 0, or no returns, and then both totals are given."""
    counted = money.rounded(numbers["total"])
    net = money.rounded(numbers.get("net", numbers["total"]))
    return f"Total spend {net}" + (f"; {counted} as the model counts it" if counted != net else "")


def _written(name: str, value: float, money: Money) -> str:
    if name == "monetary":
        return money.exact(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _past_customer(row: dict[Any, Any], known: Personas, money: Money, as_of: datetime) -> str:
    recency = int(row["recency"])
    return (
        f"<tr><td>{elements.customer_link(row['customer_id'], as_of)}</td>"
        f"<td>{elements.segment_dot(look_up(known, row['segment']))}</td>"
        f'<td class="sg-wide sg-when">{style.date(row["segment_since"])}</td>'
        f'<td class="sg-wide">{elements.segment_dot(look_up(known, row["previous_segment"]))}</td>'
        f'<td class="sg-wide">{escape(row["country"])}</td>'
        f'<td class="sg-right">{many(recency, "day") + " before" if recency else "same day"}</td>'
        f'<td class="sg-right sg-wide">{row["frequency"]:,}</td>'
        f'<td class="sg-right">{money.exact(row["monetary"])}</td></tr>'
    )


def _customer(row: dict[Any, Any], known: Personas, money: Money, now: datetime) -> str:
    recency = int(row["recency"])
    ahead = next_change(row["next_change_at"], row["next_segment"], known, now)
    return (
        f"<tr><td>{elements.customer_link(row['customer_id'])}</td>"
        f"<td>{elements.segment_dot(look_up(known, row['segment']))}</td>"
        f'<td class="sg-wide">{escape(row["country"])}</td>'
        f'<td class="sg-right">{many(recency, "day") + " ago" if recency else "today"}</td>'
        f'<td class="sg-right sg-wide">{row["frequency"]:,}</td>'
        f'<td class="sg-right">{money.exact(row["monetary"])}</td>'
        f'<td class="sg-wide sg-apart">{ahead}</td></tr>'
    )
