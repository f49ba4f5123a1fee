"""What ``segue backfill`` has found of risk states: as tables and a note, and as JSON values."""

from collections.abc import Iterator
from typing import Any

from models.calendar import Grain
from models.rhythm.risk import RISK_STATES
from segue.cli import backfill_periods
from segue.cli.backfill_periods import CHANGES
from segue.cli.console import messages, output, table
from services.backfill.comparison import MoveCounts, PeriodComparison
from services.backfill.risk_run import RiskBackfill


def show(found: RiskBackfill, by: Grain) -> None:
    """Print every period, the risk states at the end, the changes by cause, and what to know about them."""
    if found.periods:
        title = f"Risk states of {found.rhythm_version} beside the published ones"
        backfill_periods.show(title, "state", found.periods, by, CHANGES)
        _show_states(found.periods[-1])
        _show_causes(found)
    for line in notes(found, by):
        messages.print(line, markup=False)


def _show_states(last: PeriodComparison) -> None:
    rows = [backfill_periods.customers_row(state.replace("_", " "), *sizes) for state, *sizes in _states(last)]
    output.print(table("Customers at the end, by risk state", ["risk state", "model", "published", "difference"], rows))


def _show_causes(found: RiskBackfill) -> None:
    rows = backfill_periods.cause_rows(found.totals)
    output.print(table("Risk changes by cause", ["cause", "model", "published"], rows))


def _states(each: PeriodComparison) -> Iterator[tuple[str, int, int]]:
    """Every risk state, with its customers under the model and as published."""
    sizes = each.sizes()
    for state in RISK_STATES:
        yield state, *sizes.get(state, (0, 0))


def notes(found: RiskBackfill, by: Grain) -> Iterator[str]:
    """What to know about the numbers, one line each."""
    if found.since is not None:
        whole = f"`segue prune` deleted published risk changes; they are whole from {found.since:%Y-%m-%d %H:%M} UTC on"
        if found.periods:
            yield f"{whole}, and their comparison begins with {found.periods[0].period.label}."
        else:
            yield f"{whole}, and no {by} begins after that: no risk change is compared."
    if found.periods:
        yield _equality(found)


def _equality(found: RiskBackfill) -> str:
    same = backfill_periods.equality(found.equal, *found.totals, "risk changes", "states")
    by = backfill_periods.publishers(found.published_by, found.rhythm_version, "rhythm model", "No risk change")
    return f"{same} Customers with other risk changes: {found.differing:,}. {by}"


def as_json(found: RiskBackfill) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "rhythm": found.rhythm_version,
        "published_since": None if found.since is None else found.since.isoformat(),
        "published_by": found.published_by,
        "changes": {"model": found.changes, "published": found.published},
        "compared": backfill_periods.compared_as_json(found, _counts),
        "periods": [_period(each) for each in found.periods],
    }


def _period(each: PeriodComparison) -> dict[str, Any]:
    sizes = [{"state": state, "model": model, "published": published} for state, model, published in _states(each)]
    return backfill_periods.as_json(each, {"states": sizes}, _counts)


def _counts(counts: MoveCounts) -> dict[str, Any]:
    return {"changes": counts.all, "by_cause": counts.by_cause}
