"""The text of the page "Campaigns": the list, what a campaign shows, and how long effects take to be seen."""

import math
from collections.abc import Sequence
from datetime import datetime

from dashboard.shared import style
from dashboard.shared.elements import address
from dashboard.shared.literal import escape
from data.postgres.campaigns import Campaign
from models.campaigns.compare import CampaignComparison, Difference, Group
from models.campaigns.sentence import HARMED, HELPED, TOO_EARLY, UNCLEAR, points, sentence, verdict
from runtime.counts import many
from runtime.money import Money

WORDS = {
    HELPED: ("it helped", "sg-good"),
    HARMED: ("it did harm", "sg-bad"),
    TOO_EARLY: ("too early to say", "sg-held"),
    UNCLEAR: ("no effect was seen", "sg-held"),
}
HOW_TO_START = (
    '<div class="sg-empty"><b>No campaign has been started yet</b>'
    "<p>Start one from a list of customers: <code>segue campaign start NAME --from customers.csv</code></p></div>"
)
RULES = (
    "<p>Chance splits the customers of a campaign at its start: most are <b>treated</b>, some are <b>held out</b>. "
    "So the groups differ in nothing but the campaign, and a difference that is too large for chance is its effect.</p>"
    "<p>A <b>buyer</b> has ordered at least once since the start. <b>Net spend</b> is what was spent less what was "
    "returned. Whole days since the start count, in event time, up to the end.</p>"
    "<p>The <b>interval</b> says between which bounds the true difference lies. With a chance of 95% that is so on "
    "all days of the campaign together, so you may look on every day and stop whenever you like. On the first days "
    "there are no bounds: there is too little data.</p>"
)


def rows(found: Sequence[Campaign], now: datetime, as_of: datetime | None = None) -> str:
    """All campaigns, each with a link to its page."""
    body = "".join(
        f'<tr data-campaign-row="{escape(each.name)}"><td>{link(each.name, as_of)}</td>'
        f"<td>{style.date(each.started_at)}</td>"
        f'<td class="sg-wide">{style.date(each.ends_at)}</td>'
        f'<td class="sg-right">{each.treated:,}</td><td class="sg-right">{each.held_out:,}</td>'
        f'<td class="sg-right">{day_of(each, now)}</td></tr>'
        for each in found
    )
    head = (
        '<tr><th>Campaign</th><th>Start</th><th class="sg-wide">End</th><th class="sg-right">Treated</th>'
        '<th class="sg-right">Held out</th><th class="sg-right">State</th></tr>'
    )
    return f'<table class="sg-table"><thead>{head}</thead><tbody>{body}</tbody></table>'


def link(name: str, as_of: datetime | None = None) -> str:
    """A campaign's name as a link to its page, which keeps the past day that the reader has chosen elsewhere."""
    return f'<a class="sg-id" href="{address("campaigns", as_of, campaign=name)}">{escape(name)}</a>'


def day_of(campaign: Campaign, now: datetime) -> str:
    """How far a campaign is."""
    days = campaign.days_until(now)
    return "over" if days >= campaign.horizon_days else f"day {days} of {campaign.horizon_days}"


def headline(campaign: Campaign, comparison: CampaignComparison, now: datetime) -> str:
    """What may be said of a campaign, in a word and in plain sentences."""
    word, mood = WORDS[verdict(comparison)]
    facts = (
        f"{style.date(campaign.started_at)} to {style.date(campaign.ends_at)}, {day_of(campaign, now)} (whole days of "
        "event time)"
    )
    return (
        f'<div class="sg-verdict" data-verdict="{verdict(comparison)}">'
        f'<span class="sg-lamp {mood}">{word}</span> <span class="sg-note">{escape(facts)}</span>'
        f"<p>{escape(sentence(comparison))}</p></div>"
    )


def notes(campaign: Campaign, comparison: CampaignComparison) -> str:
    """What must be known to trust the numbers; empty if nothing."""
    left = comparison.treated.customers + comparison.held_out.customers
    forgotten = campaign.treated + campaign.held_out - left
    said = []
    if forgotten:
        gone = (campaign.treated - comparison.treated.customers, campaign.held_out - comparison.held_out.customers)
        said.append(
            f"{many(forgotten, 'customer')} {'was' if forgotten == 1 else 'were'} forgotten since the start "
            f"({gone[0]:,} treated, {gone[1]:,} held out): what they did is deleted, and they are in neither group."
        )
    if not campaign.published:
        said.append(
            "The topic does not have the assignments yet: an operator runs `segue campaign publish` to write them."
        )
    return "".join(f'<div class="sg-note">{escape(each)}</div>' for each in said)


def numbers(comparison: CampaignComparison, money: Money) -> str:
    """What both groups did, and the differences with their intervals."""
    both = (comparison.treated, comparison.held_out)
    share, spent = comparison.share, comparison.money
    body = (
        _row("Customers", [f"{group.customers:,}" for group in both])
        + _row("Buyers", [f"{group.buyers[-1]:,.0f}" for group in both])
        + _row(
            "Share of buyers",
            [f"{100 * group.share[-1]:.1f}%" for group in both],
            f"{100 * share.value[-1]:+.1f} points",
            share_interval(share),
        )
        + _row("Orders", [f"{group.orders[-1]:,.0f}" for group in both])
        + _row("Orders per customer", [f"{_each(group):.2f}" for group in both])
        + _row("Net spend", [money.exact(float(group.money[-1])) for group in both])
        + _row(
            "Net spend per customer",
            [money.exact(float(group.money_each[-1])) for group in both],
            _signed(float(spent.value[-1]), money),
            money_interval(spent, money),
        )
    )
    head = "".join(f'<th class="sg-right">{name}</th>' for name in ("Treated", "Held out"))
    head += "".join(f'<th class="sg-right sg-wide">{name}</th>' for name in ("Difference", "Between"))
    return f'<table class="sg-table"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'


def share_interval(difference: Difference) -> str:
    """The interval of the share of buyers on the last day, in points."""
    low, high = float(difference.low[-1]), float(difference.high[-1])
    return f"{points(low)} and {points(high)} points" if math.isfinite(low) else "nothing can be said yet"


def money_interval(difference: Difference, money: Money) -> str:
    """The interval of the net spend per customer on the last day."""
    low, high = float(difference.low[-1]), float(difference.high[-1])
    if not math.isfinite(low):
        return "nothing can be said yet"
    return f"{money.exact(low)} and {money.exact(high)}"


def outlook(smallest: str, effects: Sequence[tuple[str, str]]) -> str:
    """How large an effect must be to be seen, and how long some effects take."""
    body = "".join(f"<tr><td>{escape(effect)}</td><td>{escape(when)}</td></tr>" for effect, when in effects)
    head = "<tr><th>An effect of</th><th></th></tr>"
    return f'<p>{escape(smallest)}</p><table class="sg-table"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _row(name: str, groups: Sequence[str], difference: str = "", interval: str = "") -> str:
    cells = "".join(f'<td class="sg-right">{cell}</td>' for cell in groups)
    cells += "".join(f'<td class="sg-right sg-wide">{cell}</td>' for cell in (difference, interval))
    row = f"<tr><td>{name}</td>{cells}</tr>"
    if not difference:
        return row
    # A phone has no room for two more columns.
    between = f"{'between ' if ' and ' in interval else ''}{interval}"
    return f'{row}<tr class="sg-below"><td colspan="3">Difference: {difference}, {between}</td></tr>'


def _each(group: Group) -> float:
    return float(group.orders[-1]) / max(group.customers, 1)


def _signed(amount: float, money: Money) -> str:
    return f"{'+' if amount > 0 else ''}{money.exact(amount)}"
