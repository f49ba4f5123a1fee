"""``segue as-of``: every customer's segment and numbers at a past moment."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from models.units import from_money_units
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, spinner, table
from segue.cli.options import AsJson
from segue.cli.past_moment import notes
from segue.cli.postgres import connect

if TYPE_CHECKING:
    import pandas as pd

    from data.postgres.past_moments import Answerable


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="as-of")(as_of)


def as_of(
    moment: Annotated[
        datetime,
        typer.Argument(
            parser=options.moment, metavar="DATE", help="A day, which means its first moment (UTC), or a moment."
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it
        typer.Option("--out", "-o", help="File to write, .csv: every customer with segment and numbers."),
    ] = None,
    as_json: AsJson = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Show every customer's segment, recency, frequency and money at a past moment of event time.

    The command prints the size of each segment, and writes one row per customer with -o. Segments are as they were
    published then. Recency, frequency and money are of the orders that happened by then, as they are known now.
    """
    from batch.past_table import past_table, segment_sizes
    from data.postgres import currency, model_registry
    from data.postgres.aliases import CHAMPION
    from data.postgres.past_moments import answerable
    from data.postgres.past_states import past_states

    if out is not None:
        check_output(out, suffixes=(".csv",), force=force)
    settings = Settings()
    postgres = connect(settings, 0)
    money = currency.stored_money(postgres, settings.money)
    with spinner("Looking back"), postgres.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        known = answerable(connection)
        known.check(moment)
        states = past_states(connection, moment)
    if states.empty:
        fail(f"the stream knows no customer by {moment:%Y-%m-%d %H:%M} UTC: choose a later day")
    entries = sorted(model_registry.entries(postgres), key=lambda entry: CHAMPION in entry.aliases)
    models = {entry.model.version: entry.model for entry in entries}
    rows = past_table(states, models)
    sizes = segment_sizes(rows, states, models)
    windows = sorted({int(days) for days in rows["window_days"].dropna()}) if "window_days" in rows else []
    if as_json:
        content = _content(moment, known, sizes, len(states), money)
        output.print_json(data=content | ({"window_days": windows} if windows else {}))
    else:
        _print(moment, known, sizes, len(states), money)
        for days in windows:
            messages.print(f"Orders and money are those{in_last_days(days)} before the moment.", markup=False)
    if out is not None:
        with recorded(postgres, "as-of", f"{moment:%Y-%m-%d %H:%M}", rows=len(rows)), replacing(out) as draft:
            rows.to_csv(draft, index=False)
        messages.print(f"{many(len(rows), 'customer is', 'customers are')} in {out}", soft_wrap=True, markup=False)


def _content(moment: datetime, known: "Answerable", sizes: "pd.DataFrame", customers: int, money: Money) -> Any:
    return {
        "as_of": moment.isoformat(),
        "reached": known.watermark.isoformat(),
        "customers": customers,
        "in_no_segment": customers - int(sizes["customers"].sum()),
        "forgotten": known.forgotten,
        "late": known.late,
        "revisions": known.revisions,
        "currency": money.currency,
        "segments": [
            {
                "segment": row["segment"],
                "name": row["name"],
                "customers": row["customers"],
                "monetary": str(from_money_units(row["spend"])),
            }
            for row in _records(sizes)
        ],
    }


def _records(sizes: "pd.DataFrame") -> list[dict[Any, Any]]:
    return sizes.to_dict("records")


def _print(moment: datetime, known: "Answerable", sizes: "pd.DataFrame", customers: int, money: Money) -> None:
    inside = int(sizes["customers"].sum())
    rows = [
        [
            str(row["name"]),
            f"{row['customers']:,}",
            f"{row['customers'] / inside:.1%}",
            money.exact(from_money_units(row["spend"])),
        ]
        for row in _records(sizes)
    ]
    rows.append(["together", f"{inside:,}", "", money.exact(from_money_units(int(sizes["spend"].sum())))])
    output.print(table(f"As of {moment:%Y-%m-%d %H:%M} UTC", ["persona", "customers", "share", "spent"], rows))
    for line in notes(known, customers - inside):
        messages.print(line, markup=False)
