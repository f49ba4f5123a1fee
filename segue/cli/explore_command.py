"""``segue explore``: a report on a dataset, as one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.segment_model import Monetary, Transform
from runtime.output_files import check_output, write_text
from runtime.settings import Settings
from segue.cli import options, reading_options, windows
from segue.cli.console import messages, spinner
from segue.cli.errors import described

if TYPE_CHECKING:
    from batch.explore.chapters import ExploredSource
    from batch.explore.finding import Chapter


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explore)


def explore(
    files: reading_options.Files = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, .html.")] = Path("report.html"),
    k: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it
        typer.Option(min=2, max=10, help="Number of segments. By default chosen from inertia and silhouette."),
    ] = None,
    monetary: Annotated[Monetary, typer.Option(help="Monetary value, `net` of returns or `gross`.")] = "net",
    transform: Annotated[Transform, typer.Option(help="Transform of R, F and M before they are scaled.")] = "log1p",
    window: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            parser=windows.window,
            metavar="DURATION",
            help="Let F, M and the segments count the orders and returns of the last days only, such as 365d, as "
            "`segue fit --window` does. By default they count all.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=options.LARGEST_SEED, help="Seed of KMeans and of sampling.")] = 42,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is not a report.")] = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """Write an interactive report on a dataset: quality, revenue, cohorts, baskets, returns, R, F, M and segments.

    Segments are those that `segue fit` finds by default, or with the same `--window`.

    The report is one HTML file that needs no network. It replaces an earlier report, any other file only with
    `--force`.
    """
    from batch.explore.chapters import ExploredSource
    from batch.explore.report import page
    from data.datasets.selection import choose

    _check(out, force)
    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    with spinner("Loading data"):
        chosen = choose(files, settings.datasets_dir, how)
    if files:
        reading_options.mention(chosen.dataset)
    messages.print(f"Exploring {described(chosen.why, chosen.hint)}")
    money = settings.money.of(chosen.dataset.currency)
    source = ExploredSource(chosen.dataset, money, k, monetary, transform, seed, window)
    windows.mention_if_everything_counts(window, chosen.dataset.report.first, source.as_of)
    write_text(out, page(source, _computed(source)))
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    messages.print(f"The report is {out.resolve()} ({size}); open it in a browser.", soft_wrap=True, markup=False)


def _check(out: Path, force: bool) -> None:
    from batch.explore.report import is_report

    check_output(out, suffixes=(".html", ".htm"), force=force, replaceable=is_report, kind="a report")


def _computed(source: "ExploredSource") -> "list[Chapter]":
    """Compute all chapters, with a progress bar."""
    from batch.explore.chapters import CHAPTERS, chapters

    done: list[Chapter] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        task = progress.add_task(CHAPTERS[0][0], total=len(CHAPTERS))
        for chapter in chapters(source):
            done.append(chapter)
            following = CHAPTERS[min(len(done), len(CHAPTERS) - 1)][0]
            progress.update(task, completed=len(done), description=following)
    return done
