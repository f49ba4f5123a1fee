"""``segue fit``: from profiles to a registered model."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pandas as pd
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import OperationalError, ProgrammingError

from batch.choose_k import KS, KChoice, choose_k
from batch.fit import FitResult, fit
from batch.pipeline import Scaler
from batch.presets import PRESETS, Preset, PresetName, classic_profiles
from batch.profiles import profiles_as_of
from batch.stream_profiles import read_profiles
from data import registry
from data.database import engine
from data.dataset import clean
from models.segment_model import Monetary, SegmentModel, Transform, to_json
from segue.cli import options
from segue.cli.console import doing, fail, output, table, words
from segue.datasets import choose_rows
from segue.settings import Settings

DAY = timedelta(days=1)


def _k(text: "str | int") -> "int | Literal['auto']":
    if text == "auto":
        return "auto"
    if not str(text).isdecimal() or int(text) < 1:
        raise typer.BadParameter("give a number, or auto")
    return int(text)


K = Annotated[Any, typer.Option("--k", parser=_k, metavar="N|auto", help="How many segments; auto looks at 2 to 10.")]


@dataclass(frozen=True)
class Source:
    """Profiles to fit on, and where they come from."""

    profiles: pd.DataFrame
    metadata: dict[str, Any]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fit")(fit_model)


def fit_model(
    dataset: options.OptionalDataset = None,
    from_stream: Annotated[
        bool, typer.Option("--from-stream", help="Fit on the customers in Postgres instead of a dataset.")
    ] = False,
    cutoff: options.FitCutoff = None,
    preset: Annotated[
        PresetName,
        typer.Option(help="`classic` is the textbook: every sale row with a customer, gross, no logarithm."),
    ] = "segue",
    k: K = None,
    monetary: Annotated[
        Optional[Monetary],  # noqa: UP045
        typer.Option(help="Money spent, `net` of returns or `gross`. By default the preset's, net."),
    ] = None,
    transform: Annotated[
        Optional[Transform],  # noqa: UP045
        typer.Option(help="What is done to R, F and M before they are scaled. By default the preset's, log1p."),
    ] = None,
    scaler: Annotated[
        Optional[Scaler],  # noqa: UP045
        typer.Option(help="Scale by mean and deviation, or by median and quartiles. By default standard."),
    ] = None,
    seed: Annotated[Optional[int], typer.Option(min=0, help="Seed of KMeans and of samples. By default 42.")] = None,  # noqa: UP045
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the segments; register nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the model as JSON.")] = False,
) -> None:
    """Fit segments on customers, and register the model in Postgres.

    Recency, frequency and monetary value are put on a log scale and standardised; KMeans finds k segments, and each
    gets the persona that it resembles, in the champion's words where the meaning has stayed. The first model that is
    registered becomes the champion, a later one the challenger: see `segue models compare` and `activate`.
    """
    settings = Settings()
    given: dict[str, Any] = {"monetary": monetary, "transform": transform, "scaler": scaler, "seed": seed}
    chosen = PRESETS[preset]._replace(**{name: value for name, value in given.items() if value is not None})
    with doing("Counting"):
        if from_stream:
            source = _from_stream(settings, dataset, cutoff, preset)
        else:
            source = _from_dataset(settings, dataset, cutoff, preset)
    choice = _choice(source.profiles, chosen) if k == "auto" else None
    chosen = chosen._replace(k=chosen.k if k is None else k if choice is None else choice.k)
    metadata = source.metadata | {"preset": preset} | ({} if choice is None else choice.metadata)
    with doing("Fitting"):
        champion = _champion(settings)
        result = fit(source.profiles, **chosen._asdict(), champion=champion, metadata=metadata)
    _show(result, choice, as_json)
    if not dry_run:
        alias = registry.register(engine(settings.database), result.model)
        hint = (
            ""
            if alias == registry.CHAMPION
            else "; see `segue models compare`, then `segue models activate challenger`"
        )
        words.print(f"Registered as {result.model.version}, the {alias}{hint}.")


def _from_dataset(settings: Settings, path: Path | None, cutoff: datetime | None, preset: PresetName) -> Source:
    rows = choose_rows(path, settings.datasets_dir)
    if preset == "classic":
        if cutoff is not None:
            fail("--preset classic counts everything, as of a day after the last sale: leave out --cutoff")
        profiles, moment = classic_profiles(rows.raw)
    else:
        dataset = clean(rows.raw, rows.name)
        moment = dataset.report.last + DAY if cutoff is None else cutoff.replace(tzinfo=UTC)
        profiles = profiles_as_of(dataset.transactions, moment)
    return Source(profiles, {"dataset": rows.name, "cutoff": moment.isoformat()})


def _from_stream(settings: Settings, path: Path | None, cutoff: datetime | None, preset: PresetName) -> Source:
    if path is not None:
        fail("give a dataset or --from-stream, not both")
    if preset == "classic":
        fail("--preset classic needs the raw rows of a dataset: leave out --from-stream")
    found = read_profiles(engine(settings.database), None if cutoff is None else cutoff.replace(tzinfo=UTC))
    metadata = {
        "dataset": "the stream",
        "cutoff": found.as_of.isoformat(),
        "event_time": found.event_time.isoformat(),
    }
    return Source(found.profiles, metadata)


def _choice(profiles: pd.DataFrame, preset: Preset) -> KChoice:
    """Choose k, with a progress bar."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=words, transient=True) as progress:
        task = progress.add_task("choosing k", total=len(KS))
        return choose_k(
            profiles,
            monetary=preset.monetary,
            transform=preset.transform,
            scaler=preset.scaler,
            seed=preset.seed,
            progress=lambda k: progress.update(task, description=f"looked at k = {k}", advance=1),
        )


def _champion(settings: Settings) -> SegmentModel | None:
    """The champion whose names are kept; a look at segments needs no Postgres."""
    try:
        return registry.champion(engine(settings.database))
    except (OperationalError, ProgrammingError):
        words.print("There is no Postgres to ask for a champion: the segments are named afresh.", style="dim")
        return None


def _show(result: FitResult, choice: KChoice | None, as_json: bool) -> None:
    if choice is not None:
        words.print(_curve(choice)) if as_json else output.print(_curve(choice))
        words.print(choice.reason)
    if as_json:
        output.print_json(to_json(result.model).decode())
    else:
        output.print(_summary(result))


def _curve(choice: KChoice) -> Table:
    rows = [
        [f"{k}{' ←' if k == choice.k else ''}", f"{inertia:,.0f}", *(f"{number:.3f}" for number in numbers)]
        for k, inertia, *numbers in choice.curve.itertuples()
    ]
    return table("How many segments", ["k", "inertia", "silhouette", "Davies-Bouldin", "stability"], rows)


def _summary(result: FitResult) -> Table:
    rows = [
        [persona, f"{size:,}", f"{recency:,.1f}", f"{frequency:,.1f}", f"£{monetary:,.2f}"]
        for persona, size, recency, frequency, monetary in result.summary.itertuples(index=False)
    ]
    return table(f"Model {result.model.version}", ["persona", "customers", "days since", "orders", "spent"], rows)
