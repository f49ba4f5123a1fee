"""Periods that ``segue backfill`` compares, of segments and of risk states: as a table, as words and as JSON values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from models.calendar import Grain
from runtime.counts import many
from segue.cli.console import messages, output, table
from services.backfill.comparison import ComparedPeriods, MoveCounts, PeriodComparison

#: The most periods in a table.
_SHOWN = 36


class CountColumns(NamedTuple):
    """A pair of columns: its head, and the number of both sides that it shows."""

    what: str
    of: Callable[[MoveCounts], int]


CHANGES = CountColumns("changes", lambda side: side.all)


def show(title: str, state: str, periods: Sequence[PeriodComparison], by: Grain, *counted: CountColumns) -> None:
    """Print the last periods as a table, and say how many more there are.

    Parameters
    ----------
    state
        What customers are in: ``segment`` or ``state``.
    """
    shown = periods[-_SHOWN:]
    rows = [
        [
            each.period.label,
            f"{each.customers:,}",
            "—" if each.share is None else f"{each.share:.1%}",
            *(f"{count.of(side):,}" for count in counted for side in (each.model, each.published)),
        ]
        for each in shown
    ]
    # Two lines each, so that the table fits into 80 columns.
    pairs = (f"{count.what}\n{side}" for count in counted for side in ("model", "published"))
    output.print(table(title, [by, "customers", f"same\n{state}", *pairs], rows))
    left_out = len(periods) - len(shown)
    if left_out:
        earlier = many(left_out, f"earlier {by} is", f"earlier {by}s are")
        messages.print(f"{earlier} in the output of --json.", markup=False)


def customers_row(name: str, model: int, published: int) -> list[str]:
    """Return a row of a table: customers in a segment or risk state in both histories, and the difference."""
    return [name, f"{model:,}", f"{published:,}", f"{model - published:+,}" if model != published else "·"]


def cause_rows(both: tuple[MoveCounts, MoveCounts]) -> list[list[str]]:
    """Return the rows of a table: the changes of both histories by cause, and together."""
    causes = [cause for cause in both[0].by_cause if any(side.by_cause[cause] for side in both)]
    rows = [[cause.replace("_", " "), *(f"{side.by_cause[cause]:,}" for side in both)] for cause in causes]
    return [*rows, ["together", *(f"{side.all:,}" for side in both)]]


def equality(equal: int, model: MoveCounts, published: MoveCounts, what: str, states: str) -> str:
    """Say how many changes both histories have; ``what`` is the plural of the changes."""
    same = many(equal, f"of the model's {model.all:,} {what} is", f"of the model's {model.all:,} {what} are")
    return f"{same} among the {published.all:,} published ones: same moment, {states} and cause."


def publishers(by: Mapping[str, int], version: str, kind: str, nothing: str) -> str:
    """Say which models published changes.

    Parameters
    ----------
    by
        The published changes by the version of the model; "" is none.
    kind
        What messages call the model of this version.
    nothing
        What messages say is not published if nothing is.
    """
    if not by:
        return f"{nothing} is published so far."
    if set(by) == {version}:
        return f"All were published by this {kind}."
    counts = ", ".join(f"{each or 'none'} ({count:,})" for each, count in sorted(by.items()))
    return f"Published by: {counts}."


def compared_as_json(found: ComparedPeriods, counts: Callable[[MoveCounts], dict[str, Any]]) -> dict[str, Any]:
    """Return what all periods have in common as JSON values."""
    model, published = found.totals
    return {
        "since": found.periods[0].period.since.isoformat() if found.periods else None,
        "equal_changes": found.equal,
        "differing_customers": found.differing,
        "model": counts(model),
        "published": counts(published),
    }


def as_json(
    each: PeriodComparison, states: Mapping[str, Any], counts: Callable[[MoveCounts], dict[str, Any]]
) -> dict[str, Any]:
    """Return a period as JSON values; ``states`` are the sizes of its segments or risk states, under their name."""
    return {
        "label": each.period.label,
        "since": each.period.since.isoformat(),
        "until": each.period.until.isoformat(),
        "customers": each.customers,
        "same": each.same,
        "share": each.share,
        **states,
        "pairs": [
            {"model": model, "published": published, "customers": count}
            for (model, published), count in each.pairs.items()
        ],
        "equal_changes": each.equal,
        "model": counts(each.model),
        "published": counts(each.published),
    }
