"""``segue fit`` and ``segue reconcile``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from batch.fit import FitResult, fit
from batch.profiles import profiles_as_of
from data import registry
from data.database import engine
from data.dataset import Dataset
from models.segment_model import to_json
from segue.cli import options
from segue.cli.console import doing, output, table, words
from segue.datasets import choose
from segue.demo import differences
from segue.settings import Settings

_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="fit")(fit_model)
    app.command()(reconcile)


def fit_model(
    dataset: options.OptionalDataset = None,
    cutoff: options.Cutoff = None,
    k: Annotated[int, typer.Option(min=1, help="How many segments.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of KMeans.")] = 42,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the segments; register nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the model as JSON.")] = False,
) -> None:
    """Fit segments on the customers of a dataset, and register the model in Postgres.

    Recency, frequency and monetary value as of the cutoff (by default the end of the data) are put on a log scale and
    standardised; KMeans finds k segments, and each gets the persona that it resembles. The first model that is
    registered becomes the champion.
    """
    settings = Settings()
    with doing("Fitting"):
        chosen = choose(dataset, settings.datasets_dir)
        moment = chosen.dataset.report.last + timedelta(microseconds=1) if cutoff is None else cutoff
        result = _fitted(chosen.dataset, moment.replace(tzinfo=UTC), k, seed)
    if as_json:
        output.print_json(to_json(result.model).decode())
    else:
        output.print(_summary(result))
    if dry_run:
        return
    champion = registry.register(engine(settings.database), result.model)
    words.print(f"Registered as {result.model.version}" + (", the champion." if champion else "."))


def reconcile(dataset: options.OptionalDataset = None, as_json: options.AsJson = False) -> None:
    """Prove the stream right: recompute every customer from the raw dataset with pandas and scikit-learn, and compare.

    The exit code is 0 only if there is no difference.
    """
    settings = Settings()
    with doing("Recomputing"):
        chosen = choose(dataset, settings.datasets_dir)
        found = differences(settings.database, chosen.dataset)
    if as_json:
        output.print_json(found.to_json(orient="records", date_format="iso"))
    elif len(found):
        rows = [[str(value) for value in row] for row in found.head(_SHOWN).itertuples(index=False)]
        output.print(table(f"{len(found):,} differences", list(found.columns), rows))
    else:
        words.print("[bold green]No difference[/]: the stream is what the raw data say it should be.")
    raise typer.Exit(1 if len(found) else 0)


def _fitted(dataset: Dataset, moment: datetime, k: int, seed: int) -> FitResult:
    metadata = {"dataset": dataset.name, "cutoff": moment.isoformat()}
    return fit(profiles_as_of(dataset.transactions, moment), k=k, seed=seed, metadata=metadata)


def _summary(result: FitResult) -> Table:
    rows = [
        [persona, f"{size:,}", f"{recency:,.0f}", f"{frequency:,.1f}", f"£{monetary:,.0f}"]
        for persona, size, recency, frequency, monetary in result.summary.itertuples(index=False)
    ]
    return table(f"Model {result.model.version}", ["persona", "customers", "days since", "orders", "spent"], rows)
