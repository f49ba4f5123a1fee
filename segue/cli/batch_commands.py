"""``segue reconcile``."""

import typer

from data.postgres import log_faults
from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import messages, output, spinner, table

_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(dataset: options.OptionalDataset = None, as_json: options.AsJson = False) -> None:
    """Check the stream: recompute every customer from the raw dataset with pandas and scikit-learn, and compare.

    The exit code is 0 only if there is no difference.
    """
    from batch.reconcile_stream import differences
    from data.datasets.selection import choose

    settings = Settings()
    for fault in log_faults.faults(engine(settings.database), resolved=True):
        messages.print(f"[bold]Log fault {fault.id}[/], partition {fault.partition}: {log_faults.describe(fault)}.")
    with spinner("Recomputing"):
        chosen = choose(dataset, settings.datasets_dir)
        found = differences(settings.database, chosen.dataset)
    if as_json:
        output.print_json(found.to_json(orient="records", date_format="iso"))
    elif len(found):
        rows = [[str(value) for value in row] for row in found.head(_SHOWN).itertuples(index=False)]
        output.print(table(f"{len(found):,} differences", list(found.columns), rows))
    else:
        messages.print("[bold green]No difference[/]: the stream agrees with the raw data.")
    raise typer.Exit(1 if len(found) else 0)
