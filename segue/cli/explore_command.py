"""``segue explore``: a report on a dataset, as one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.segment_model import Monetary, Transform
from runtime.settings import Settings
from segue.cli import reading_options
from segue.cli.console import fail, messages, spinner
from segue.cli.errors import described

if TYPE_CHECKING:
    from batch.explore.chapters import Source
    from batch.explore.finding import Chapter


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explore)


def explore(
    files: reading_options.Files = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.", dir_okay=False)] = Path("report.html"),
    k: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it
        typer.Option(min=2, max=10, help="Number of segments. By default chosen from inertia and silhouette."),
    ] = None,
    monetary: Annotated[Monetary, typer.Option(help="Monetary value, `net` of returns or `gross`.")] = "net",
    transform: Annotated[Transform, typer.Option(help="Transform of R, F and M before they are scaled.")] = "log1p",
    seed: Annotated[int, typer.Option(min=0, help="Seed of KMeans and of sampling.")] = 42,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is not a report.")] = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """Write an interactive report on a dataset: quality, revenue, cohorts, baskets, returns, R, F, M and segments.

    The report is one HTML file that needs no network. It replaces an earlier report, any other file only with
    `--force`.
    """
    from batch.explore.chapters import Source
    from batch.explore.report import page
    from data.datasets.frames import frame
    from data.datasets.selection import choose

    _check(out, force)
    settings = Settings()
    how = reading_options.reading(mapping, set_, on_error, rejects, settings.currency)
    with spinner("Loading data"):
        chosen = choose(files, settings.datasets_dir, how)
        raw = frame(chosen.dataset)
    if files:
        reading_options.mention(chosen.dataset)
    messages.print(f"Exploring {described(chosen.why, chosen.hint)}")
    source = Source(raw, chosen.dataset, wanted_k=k, monetary=monetary, transform=transform, seed=seed)
    out.write_text(page(source, _computed(source)), encoding="utf-8")
    messages.print(f"The report is {out.resolve()} ({out.stat().st_size / 1e6:.1f} MB); open it in a browser.")


def _check(out: Path, force: bool) -> None:
    from batch.explore.report import is_report

    if not out.absolute().parent.is_dir():
        fail(f"{out.absolute().parent} is not a folder: create it first")
    if out.exists() and not force and not is_report(out):
        fail(f"{out} exists and is not a report: choose another name, or use --force")


def _computed(source: "Source") -> "list[Chapter]":
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
