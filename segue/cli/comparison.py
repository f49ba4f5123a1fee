"""A comparison of two models, as tables and as JSON values."""

from typing import Any

from sqlalchemy import Engine

from data.postgres import progress
from data.postgres.stream_profiles import current_profiles
from models.compare import ModelComparison, compare
from models.segment_model import SegmentModel
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money
from segue.cli.console import output, table


def of_stream(postgres: Engine, before: SegmentModel, after: SegmentModel) -> ModelComparison:
    """Compare two models on the stream's customers as they are now."""
    profiles = current_profiles(postgres, after.window_days)
    same = before.window_days == after.window_days
    return compare(profiles, before, after, None if same else current_profiles(postgres, before.window_days))


def show(found: ModelComparison, postgres: Engine, money: Money, limit: int) -> None:
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
    output.print(f"{len(found.movers):,} of {many(found.customers, 'customer')} would move ({found.share:.1%}).")
    if limit and len(found.movers):
        people = [
            [str(who), names[before], names[after], f"{recency:,}", f"{frequency:,}", money.exact(monetary)]
            for who, before, after, recency, frequency, monetary in found.movers.head(limit).itertuples()
        ]
        columns = ["customer", "from", "to", "days since", "orders", "spent"]
        counted = in_last_days(found.after.window_days)
        output.print(table(f"Customers who would move, biggest spenders{counted} first", columns, people))


def as_json(found: ModelComparison) -> dict[str, Any]:
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
