"""The text of the page "At risk": headline, risk states, the list, and the rules."""

from datetime import datetime

from dashboard.shared import rhythm_text, style, window_notes
from dashboard.shared.elements import customer_link, segment_dot
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.risk_list import RiskList, next_change
from models.rhythm.risk import RiskState
from models.rhythm.stake import DAYS_TO_COME_BACK
from models.units import Ints
from runtime.money import Money

ByState = dict[RiskState, tuple[int, float]]


def headline(states: ByState, money: Money) -> str:
    """Money at stake and the number of customers, over all risk states."""
    number, stake = (sum(each[part] for each in states.values()) for part in (0, 1))
    noun = "customer" if number == 1 else "customers"
    return (
        '<div class="sg-stake">'
        f'<div><b data-stake="{stake:.0f}">{money.short(stake)}</b><span>at stake</span></div>'
        f'<div><b data-customers="{number}">{number:,}</b><span>{noun}</span></div>'
        "<p><strong>What these customers would spend within a year</strong>, times the probability of "
        f"<strong>no order within {DAYS_TO_COME_BACK} days</strong>.</p></div>"
    )


def tiles(states: ByState, money: Money) -> str:
    """Customers and money at stake by risk state."""
    shown = "".join(
        f'<div class="sg-total sg-state" style="--cause:{rhythm_text.COLOURS[state]}" data-state="{state}">'
        f"<b>{number:,}</b><span>{rhythm_text.STATES[state].lower()}</span>"
        f"<em>{money.short(stake)} at stake</em></div>"
        for state, (number, stake) in states.items()
    )
    return f'<div class="sg-totals sg-four">{shown}</div>'


def table(found: RiskList, rows: Ints, known: Personas, money: Money, as_of: datetime | None = None) -> str:
    """The customers of some rows, with a link to their page."""
    body = "".join(_row(found, int(row), known, money, as_of) for row in rows)
    head = (
        '<tr><th>Customer</th><th>Why</th><th>Risk state</th><th class="sg-right">At stake</th>'
        '<th class="sg-right">Back within 90 days</th><th>Segment</th><th class="sg-wide">By time alone</th>'
        '<th class="sg-wide sg-right">Spent so far</th><th class="sg-wide">Country</th></tr>'
    )
    return f'<table class="sg-changes sg-risks"><thead>{head}</thead><tbody>{body}</tbody></table>'


def state_label(state: RiskState) -> str:
    """A risk state on a tinted label."""
    tint = f'style="--cause:{rhythm_text.COLOURS[state]}"'
    return f'<span class="sg-why" {tint}>{rhythm_text.STATES[state]}</span>'


def rule(window_days: int | None) -> str:
    """What the columns mean, under a model with such a window."""
    return (
        "<p><b>Money at stake</b> is what a customer would spend within the next year as long as they remain a "
        "customer, times the probability that they do not order within 90 days. It is high for good customers who have "
        "stopped, however long ago; filter by risk state to see those who may still be reached.</p>"
        "<p><b>Risk states</b> compare the silence with the customer’s own orders. <b>Due</b>: half of such customers "
        "would have ordered again by now, if they are still customers. <b>Overdue</b>: nine in ten would have. "
        "<b>Presumed lost</b>: at most one in ten of such customers orders within 90 days of an average season. An "
        "order makes the customer <b>on rhythm</b> again.</p>"
        "<p><b>Back within 90 days</b> is a prediction, right for groups and not for a single customer. <b>By time "
        f"alone</b> is computed: the day on which silence moves the customer to another segment."
        f"{window_notes.expiry(window_days)} <b>Spent so far</b> is everything ever spent minus all returns.</p>"
    )


def _row(found: RiskList, row: int, known: Personas, money: Money, as_of: datetime | None) -> str:
    own, customers = found.own(row), found.customers
    return (
        f"<tr><td>{customer_link(customers.customer_id.of(row), as_of)}</td>"
        f"<td>{rhythm_text.reason(own.gap_days, own.silent_days)}</td>"
        f'<td>{state_label(own.state)} <span class="sg-note">{rhythm_text.when(own, found.event_time)}</span></td>'
        f'<td class="sg-right"><b>{money.exact(own.at_stake)}</b>{_narrow("at stake")}</td>'
        f'<td class="sg-right">{style.percent(own.p_order, 1.0)}{_narrow("back within 90 days")}</td>'
        f"<td>{segment_dot(look_up(known, customers.segment.of(row)))}</td>"
        f'<td class="sg-wide">{_by_time(found, row, known)}</td>'
        f'<td class="sg-wide sg-right">{money.exact(float(customers.spent[row]))}</td>'
        f'<td class="sg-wide">{escape(customers.country.of(row) or "")}</td></tr>'
    )


def _narrow(text: str) -> str:
    """What the head of the column says, where a narrow page has no head."""
    return f'<span class="sg-narrow"> {text}</span>'


def _by_time(found: RiskList, row: int, known: Personas) -> str:
    if found.is_settled is not None and not found.is_settled[row]:
        return style.NOTHING
    at, segment = next_change(found.customers, row), found.customers.next_segment.of(row)
    if at is None or segment is None:
        return "never"
    return f'{segment_dot(look_up(known, segment))} <span class="sg-when">{_day(at, found.event_time)}</span>'


def _day(at: datetime, now: datetime) -> str:
    return rhythm_text.BEYOND if at - now > rhythm_text.FORESEEABLE else style.date(max(at, now))
