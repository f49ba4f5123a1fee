"""``segue data``: download, describe and generate datasets."""

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from runtime.settings import Settings
from segue.cli import describe_command
from segue.cli.console import fail, messages, spinner

app = typer.Typer(no_args_is_help=True, help="Download, describe and generate datasets.")
describe_command.add_to(app)


@app.command("fetch")
def fetch_dataset(
    source: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Option("--from", metavar="FILE_OR_URL", help="A mirror, or a local file."),
    ] = None,
) -> None:
    """Download Online Retail II from UCI (45 MB), check it, and store it for the other commands.

    Chen, D. (2019), Online Retail II, doi 10.24432/C5CG6D, CC BY 4.0.
    """
    from data.datasets.fetch import UCI_URL, fetch

    source, folder = source or UCI_URL, Settings().datasets_dir
    if "://" not in source:
        with spinner(f"Checking {source}"):
            path = fetch(source, cache_dir=folder)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=messages) as progress:
            task = progress.add_task("downloading", total=None)

            def show(received: int, total: int | None) -> None:
                progress.update(task, completed=received, total=total)

            path = fetch(source, cache_dir=folder, progress=show)
    messages.print(f"Stored as {path}")


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(help="File to write, .csv or .parquet.")],
    customers: Annotated[int, typer.Option(min=1, help="Number of customers with an id.")] = 2_000,
    days: Annotated[int, typer.Option(min=7, help="Number of trading days.")] = 730,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same data.")] = 7,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Generate a synthetic dataset with the real one's shape: seasons, skewed customers, returns, guests."""
    from data.datasets import frames, synthetic

    if out.exists() and not force:
        fail(f"{out} exists: choose another name, or use --force")
    with spinner("Generating"):
        raw = synthetic.generate(customers=customers, days=days, seed=seed)
        synthetic.write(raw, out)
        report = frames.clean(raw, out.name).report
    messages.print(f"{out}: {len(raw):,} lines, {report.transactions:,} transactions of {report.customers:,} customers")
