"""``segue data``: download, describe and generate datasets."""

import os
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from runtime.counts import many
from runtime.settings import Settings
from segue.cli import describe_command
from segue.cli.console import fail, messages, progress_bar, spinner

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
    out: Annotated[Path, typer.Argument(help="File to write: .parquet, .csv or .csv.gz.")],
    customers: Annotated[int, typer.Option(min=1, help="Number of customers with an id, at most 10 million.")] = 2_000,
    days: Annotated[int, typer.Option(min=7, help="Number of trading days, at most 36,500.")] = 730,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same data.")] = 7,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Generate a synthetic dataset with the real one's shape: seasons, skewed customers, returns, guests.

    The file appears when it is complete. A million customers over a year are 100 million lines, which take 1.5 GB of
    memory and a few minutes.
    """
    from data.datasets.synthetic import open_shop
    from data.datasets.writers import writing

    if os.path.isfile(out) and not force:
        fail(f"{out} exists: choose another name, or use --force")
    with writing(out, overwrite=force) as add, progress_bar(transient=True) as bar:
        if not messages.is_terminal:
            messages.print("Generating …")
        task = bar.add_task("filling baskets", total=None)
        shop = open_shop(
            customers=customers,
            days=days,
            seed=seed,
            progress=lambda done, lines: bar.update(task, completed=done, total=lines),
        )
        bar.reset(task, description="writing lines", total=shop.rows)
        for frame in shop.frames():
            add(frame)
            bar.advance(task, len(frame))
    messages.print(
        f"{out}: {many(shop.rows, 'line')}, {many(shop.transactions, 'transaction')} of "
        f"{many(shop.customers, 'customer')}",
        soft_wrap=True,
        markup=False,
    )
