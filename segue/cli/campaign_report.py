"""What ``segue campaign`` prints of a campaign: its state, its facts for JSON, and both groups as a table."""

from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table

from data.postgres.campaigns import Campaign
from runtime.money import Money
from segue.cli.console import table

if TYPE_CHECKING:
    from models.campaigns.compare import CampaignComparison


def state(found: Campaign, now: datetime | None) -> str:
    """How far a campaign is at a moment of event time, or what is still to be done."""
    if not found.published:
        return "not in the topic yet: `segue campaign publish`"
    days = 0 if now is None else found.days_until(now)
    return "over" if days >= found.horizon_days else f"day {days} of {found.horizon_days}"


def facts(found: Campaign, now: datetime | None) -> dict[str, object]:
    """What was fixed at the start, and how many whole days have passed."""
    return {
        "name": found.name,
        "started_at": found.started_at.isoformat(),
        "ends_at": found.ends_at.isoformat(),
        "horizon_days": found.horizon_days,
        "days": 0 if now is None else found.days_until(now),
        "holdout": found.holdout,
        "treated": found.treated,
        "held_out": found.held_out,
        "published": found.published,
    }


def numbers(comparison: "CampaignComparison") -> dict[str, object]:
    """What both groups did up to the last whole day; None where there is no interval yet."""
    if not comparison.days:
        return {"groups": None, "share_difference": None, "money_difference": None}
    groups = {"treated": comparison.treated, "held_out": comparison.held_out}
    return {
        "groups": {
            name: {
                "customers": group.customers,
                "buyers": int(group.buyers[-1]),
                "orders": int(group.orders[-1]),
                "net_spend": round(float(group.money[-1]), 4),
            }
            for name, group in groups.items()
        },
        "share_difference": [_finite(bound[-1]) for bound in comparison.share],
        "money_difference": [_finite(bound[-1]) for bound in comparison.money],
    }


def _finite(value: float) -> float | None:
    return round(float(value), 6) if abs(value) != float("inf") else None


def groups(comparison: "CampaignComparison", money: Money) -> Table:
    """What both groups did up to the last whole day."""
    rows = [
        [
            *(name, f"{group.customers:,}", f"{group.buyers[-1]:,.0f}", f"{group.share[-1]:.1%}"),
            *(
                f"{group.orders[-1]:,.0f}",
                money.exact(float(group.money[-1])),
                money.exact(float(group.money_each[-1])),
            ),
        ]
        for name, group in (("treated", comparison.treated), ("held out", comparison.held_out))
    ]
    return table(
        f"Up to day {comparison.days}",
        ["group", "customers", "buyers", "share", "orders", "net spend", "per customer"],
        rows,
    )
