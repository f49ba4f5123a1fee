"""The text of the page "Audiences": the sums, the definition and the list."""

from datetime import datetime

from dashboard.shared import rhythm_text, style
from dashboard.shared.elements import customer_link, segment_dot
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from data.postgres.audience_members import AudienceTotals, FoundMembers
from models.audience import NO_STATE
from models.rhythm.risk import RISK_STATES
from models.units import from_micros
from runtime.counts import many
from runtime.money import Money


def headline(totals: AudienceTotals, money: Money) -> str:
    """How many customers, their net spend, and the money at stake."""
    customers = "customer" if totals.customers == 1 else "customers"
    stake = ""
    if totals.at_stake is not None:
        stake = (
            f'<div><b data-stake="{totals.at_stake:.0f}">{money.short(totals.at_stake)}</b><span>at stake</span></div>'
        )
    return (
        f'<div class="sg-stake"><div><b data-customers="{totals.customers}">{totals.customers:,}</b>'
        f"<span>{customers}</span></div>"
        f'<div><b data-spend="{totals.net_spend:.0f}">{money.short(totals.net_spend)}</b><span>net spend</span></div>'
        f"{stake}</div>"
    )


def definition(text: str) -> str:
    """The definition as text, which the command line takes, too."""
    return f'<div class="sg-note">Definition: <span class="sg-code" data-definition>{escape(text)}</span></div>'


def table(found: FoundMembers, ids: list[str], known: Personas, money: Money, as_of: datetime | None = None) -> str:
    """Some customers in the order of ``ids``, with links to their pages; customers who are gone since are left out."""
    rows = {found.customers.customer_id.of(row): row for row in found.rows.tolist()}
    body = "".join(_row(found, rows[each], known, money, as_of) for each in ids if each in rows)
    head = (
        '<tr><th>Customer</th><th>Segment</th><th>Risk state</th><th class="sg-right">At stake</th>'
        '<th class="sg-right">Net spend</th><th class="sg-right">Orders</th><th class="sg-right">Last order</th>'
        '<th class="sg-wide">Country</th></tr>'
    )
    return f'<table class="sg-changes sg-audience"><thead>{head}</thead><tbody>{body}</tbody></table>'


def rule() -> str:
    """What the filters mean."""
    return (
        "<p>An audience has every customer who passes <b>all</b> filters; several values of one filter mean any of "
        "them. Only the filters are saved: who is in it is found out each time, as of the event time that is shown. "
        "Customers who never bought are in no segment, and in no audience.</p>"
        "<p><b>Net spend</b> is everything ever spent minus all returns. <b>Days silent</b> are whole days since the "
        "last order. <b>From</b> and <b>to</b> include both ends. <b>Risk states</b> and <b>money at stake</b> are "
        "those of the page At risk.</p>"
        "<p><b>Moved out of</b> and <b>Moved into</b> are about one and the same change, at any time or since a day; "
        "the customer may have moved on since. Changes that were pruned are not found.</p>"
    )


def _row(found: FoundMembers, row: int, known: Personas, money: Money, as_of: datetime | None) -> str:
    customers, stays, own = found.customers, found.stays, found.found
    before = "" if stays is None else stays.previous.of(row)
    since = "" if stays is None else f"since {style.date(from_micros(int(stays.since[row])))}"
    former = f", before that {escape(look_up(known, before).name)}" if before else ""
    came = f'<span class="sg-note">{since}{former}</span>'
    state, stake = "", ""
    if own is not None and own.state[row] != NO_STATE:
        name = RISK_STATES[int(own.state[row])]
        tint = f'style="--cause:{rhythm_text.COLOURS[name]}"'
        state = f'<span class="sg-why" {tint}>{rhythm_text.STATES[name]}</span>'
        stake = f"<b>{money.exact(float(own.stake.money[row]))}</b>{_narrow('at stake')}"
    days = 0 if stays is None else int(stays.recency_days[row])
    ordered = f"{many(days, 'day')} ago" if days else "today"
    return (
        f"<tr><td>{customer_link(customers.customer_id.of(row), as_of)}</td>"
        f"<td>{segment_dot(look_up(known, customers.segment.of(row)))} {came}</td>"
        f'<td>{state}</td><td class="sg-right">{stake}</td>'
        f'<td class="sg-right">{money.exact(float(customers.spent[row]))}{_narrow("net spend")}</td>'
        f'<td class="sg-right">{int(customers.histories.orders[row]):,}{_narrow("orders")}</td>'
        f'<td class="sg-right">{ordered}</td>'
        f'<td class="sg-wide">{escape(customers.country.of(row) or "")}</td></tr>'
    )


def _narrow(text: str) -> str:
    """What the head of the column says, where a narrow page has no head."""
    return f'<span class="sg-narrow"> {text}</span>'
