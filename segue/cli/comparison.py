"""A comparison of two models, as tables and as JSON values."""

from typing import Any

from sqlalchemy import Engine

from data.postgres import progress
from models.compare import Comparison
from runtime.money import Money
from segue.cli.console import output, table


def show(found: Comparison, postgres: Engine, money: Money, limit: int) -> None:
    """Print how many customers would move, and the biggest spenders among them, ``limit`` at most."""
    names = {segment.id: segment.name for model in (found.before, found.after) for segment in model.segments}
    columns = [f"{found.before.version} ↓", *(names[column] for column in found.matrix.columns)]
    rows = [
        [names[str(row)], *(f"{count:,}" if count else "·" for count in counts)]
        for row, *counts in found.matrix.itertuples()
    ]
    moment = progress.current_watermark(postgres)
    as_of = "before the first tick" if moment is None else f"as of {moment:%Y-%m-%d %H:%M}"
    output.print(table(f"Customers {as_of}, under {found.after.version} →", columns, rows))
    output.print(f"{len(found.movers):,} of {found.customers:,} customers would move ({found.share:.1%}).")
    if limit and len(found.movers):
        people = [
            [str(who), names[before], names[after], f"{recency:,}", f"{frequency:,}", money.exact(monetary)]
            for who, before, after, recency, frequency, monetary in found.movers.head(limit).itertuples()
        ]
        columns = ["customer", "from", "to", "days since", "orders", "spent"]
        output.print(table("Customers who would move, biggest spenders first", columns, people))


def as_json(found: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON values, with every customer who would move."""
    return {
        "before": found.before.version,
        "after": found.after.version,
        "customers": found.customers,
        "moving": len(found.movers),
        "share": found.share,
        "matrix": found.matrix.to_dict("index"),
        "movers": found.movers.reset_index().to_dict("records"),
    }
