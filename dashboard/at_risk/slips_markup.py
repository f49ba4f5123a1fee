"""The text of the moves by time alone: headline, moves, calendar, list of customers, and the rules."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from dashboard.shared import style, window_notes
from dashboard.shared.elements import customer_link, move, segment_dot
from dashboard.shared.flows import midnight
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona, Personas, look_up
from runtime.counts import many
from runtime.money import Money

SOON_DAYS = 3
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def headline(days: pd.DataFrame, until: datetime, past: str, money: Money) -> str:
    """How many customers slip by a date, and their spend; ``past`` is a sentence about past slips."""
    number, spend = int(days["customers"].sum()), float(days["worth"].sum())
    return (
        '<div class="sg-stake">'
        f'<div><b data-slips="{number}">{number:,}</b><span>{"customer" if number == 1 else "customers"}</span></div>'
        f'<div><b data-worth="{spend:.0f}">{money.short(spend)}</b><span>spend so far</span></div>'
        f"<p><strong>will leave a good segment by {style.day(until)}</strong> unless they buy before that day."
        f'<br><span class="sg-note">{escape(past)}</span></p></div>'
    )


def routes(days: pd.DataFrame, known: Personas, money: Money) -> str:
    """The moves ahead: customers, their spend, and the day of the first one; the highest spend first."""
    grouped = days.groupby(["from_segment", "to_segment"], as_index=False)
    table = grouped.agg(customers=("customers", "sum"), worth=("worth", "sum"), day=("day", "min"))
    most = max(1.0, float(table["worth"].max()))
    rows = ""
    for row in table.sort_values("worth", ascending=False).to_dict("records"):
        before, after = look_up(known, row["from_segment"]), look_up(known, row["to_segment"])
        share = max(0.0, 100 * row["worth"] / most)
        rows += (
            f'<div class="sg-route" style="--persona:{escape(before.colour)}">'
            f"<div>{move(before, after)}</div><b>{money.short(row['worth'])}</b>"
            f'<i style="width:{share:.1f}%"></i>'
            f"<span>{many(row['customers'], 'customer')}, the first on {_short_day(row['day'])}</span></div>"
        )
    return f'<div class="sg-routes">{rows}</div>'


def calendar(days: pd.DataFrame, now: datetime, until: datetime, measure: str, money: Money) -> str:
    """A calendar of upcoming slips, one row per week, from the current week to that of ``until``.

    The deeper the colour, the more customers or spend (``measure``), on a square-root scale.
    """
    by_day = days.groupby("day")[["customers", "worth"]].sum()
    most = max(1.0, float(by_day[measure].max())) if len(by_day) else 1.0
    ahead = {row["day"]: row for row in by_day.reset_index().to_dict("records")}
    today = midnight(now)
    first = today - timedelta(days=today.weekday())
    cells = "".join(f'<div class="sg-weekday">{name}</div>' for name in WEEKDAYS)
    for at in range((until - first).days // 7 * 7 + 7):
        day = first + timedelta(days=at)
        mood = "sg-is-today" if day == today else "" if today <= day <= until else "sg-off"
        date = f"{day.day} {day:%b}" if day.day == 1 or at == 0 else f"{day.day}"
        row = ahead.get(day) if today <= day else None
        if row is None:
            cells += f'<div class="sg-cell {mood}"><span>{date}</span></div>'
        else:
            depth = 100 * (max(0.0, row[measure]) / most) ** 0.5
            look = f'class="sg-cell {mood}" style="--depth:{depth:.0f}%" title="{_tooltip(row, money)}"'
            cells += f"<div {look}><span>{date}</span>{_slips_of_a_day(row, measure, money)}</div>"
    return f'<div class="sg-calendar">{cells}</div>'


def table(page: pd.DataFrame, known: Personas, money: Money, as_of: datetime | None = None) -> str:
    """The customers, one row each, with a link to their page."""
    rows = "".join(_row(row, known, money, as_of) for row in page.to_dict("records"))
    wide = "".join(f'<th class="sg-wide sg-right">{name}</th>' for name in ("Last bought", "Purchases"))
    head = (
        "<tr><th>Customer</th><th>Move</th><th>Day</th>"
        f'<th class="sg-right">Net spend</th>{wide}<th class="sg-wide">Country</th></tr>'
    )
    return f'<table class="sg-changes sg-slips"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def rule(personas: list[Persona], known: Personas, window_days: int | None = None) -> str:
    """What a slip is, and how its day is computed under a model with such a window."""
    best = " ".join(segment_dot(persona) for persona in personas)
    order = " › ".join(escape(persona.name) for persona in known.values())
    return (
        f"<p>Good segments of this model: {best}</p>"
        f"<p>Segments from the best to the worst: {order}. A <b>slip</b> is a move out of a good segment into one of"
        " lower rank. Other moves are not listed.</p>"
        "<p>The day is computed, not predicted. Each day without a purchase makes a customer’s recency one day longer,"
        " and the model determines on which day another segment becomes nearer."
        f"{window_notes.expiry(window_days)} If the customer buys or returns something before that day, it is computed"
        " again; otherwise the customer moves on that day.</p>"
        "<p><b>Net spend</b> is everything ever spent minus all returns. <b>Most urgent</b> sorts by net spend divided"
        " by the number of days left plus one.</p>"
    )


def _tooltip(row: dict[Any, Any], money: Money) -> str:
    return f"{style.day(row['day'])}: {many(row['customers'], 'customer')}, {money.rounded(row['worth'])}"


def _slips_of_a_day(row: dict[Any, Any], measure: str, money: Money) -> str:
    number, spend = f"{row['customers']:,}", money.short(row["worth"])
    first, second = (number, spend) if measure == "customers" else (spend, number)
    return f"<b>{first}</b><em>{second}</em>"


def _row(row: dict[Any, Any], known: Personas, money: Money, as_of: datetime | None) -> str:
    left = row["days_left"]
    soon = " sg-soon" if left <= SOON_DAYS else ""
    in_days = ("today", "tomorrow")[left] if left < 2 else f"in {left:,} days"
    last = style.NOTHING if pd.isna(row["last_purchase_at"]) else _short_day(row["last_purchase_at"])
    return (
        f"<tr><td>{customer_link(row['customer_id'], as_of)}</td>"
        f"<td>{move(look_up(known, row['from_segment']), look_up(known, row['to_segment']))}</td>"
        f'<td><span class="sg-left{soon}">{in_days}</span>'
        f'<span class="sg-when">{_short_day(row["slips_at"])}</span></td>'
        f'<td class="sg-right"><b>{money.exact(row["net_spend"])}</b></td>'
        f'<td class="sg-wide sg-right">{last}</td><td class="sg-wide sg-right">{row["frequency"]:,}</td>'
        f'<td class="sg-wide">{escape(row["country"])}</td></tr>'
    )


def _short_day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}"
