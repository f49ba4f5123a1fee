"""The steps of ``segue fit``: read profiles from a file or the stream, choose k, and print the segments."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from sqlalchemy.exc import OperationalError, ProgrammingError

from batch.choices import PresetName
from batch.choose_k import KS, KChoice, choose_k
from batch.fit import FitResult
from batch.presets import Preset, classic_profiles
from batch.profiles import profiles_as_of
from data.datasets.dataset import clean
from data.datasets.selection import choose_rows
from data.postgres import model_registry, progress
from data.postgres.database import engine
from data.postgres.stream_profiles import read_profiles
from models.segment_model import SegmentModel, to_json
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, progress_bar, table
from segue.cli.options import check_cutoff, check_dates

DAY = timedelta(days=1)
#: A first model of a stream needs so many customers for each segment: fewer are chance.
CUSTOMERS_PER_SEGMENT = 10


@dataclass(frozen=True)
class Source:
    """Profiles to fit on, and metadata about their origin."""

    profiles: pd.DataFrame
    metadata: dict[str, Any]


def from_dataset(
    settings: Settings, path: Path | None, cutoff: datetime | None, preset: PresetName, accept_dates: bool
) -> Source:
    """Return the profiles of a dataset."""
    rows = choose_rows(path, settings.datasets_dir)
    if preset == "classic":
        if cutoff is not None:
            fail("--preset classic counts all sales, as of the day after the last one: leave out --cutoff")
        check_dates(rows.name, _with_a_customer(rows.raw), accept_dates)
        profiles, moment = classic_profiles(rows.raw)
    else:
        dataset = clean(rows.raw, rows.name)
        check_dates(rows.name, dataset.transactions, accept_dates)
        moment = dataset.report.last + DAY if cutoff is None else cutoff.replace(tzinfo=UTC)
        check_cutoff(moment, dataset.report.last)
        profiles = profiles_as_of(dataset.transactions, moment)
    return Source(profiles, {"dataset": rows.name, "cutoff": moment.isoformat()})


def from_stream(settings: Settings, path: Path | None, cutoff: datetime | None, preset: PresetName) -> Source:
    """Return the profiles of the customers in Postgres."""
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


def check_enough(settings: Settings, k: int) -> None:
    """Say what is missing for a first model of a stream with k segments, and end the command, if anything is."""
    postgres = engine(settings.database)
    if model_registry.champion_version(postgres) is not None:
        return
    missing = []
    bought, least = progress.customers_with_a_purchase(postgres), CUSTOMERS_PER_SEGMENT * k
    if bought < least:
        missing.append(
            f"{bought:,} customers have bought, and {k} segments need {least:,} ({CUSTOMERS_PER_SEGMENT} for each)"
        )
    if progress.current_watermark(postgres) is None:
        missing.append("not every partition has had a tick, so no time has passed: start `segue clock`")
    if missing:
        fail(f"the stream has not enough for a first model yet: {'; '.join(missing)}")


def chosen_k(profiles: pd.DataFrame, preset: Preset) -> KChoice:
    """Choose k, with a progress bar."""
    with progress_bar(transient=True) as progress:
        task = progress.add_task("choosing k", total=len(KS))
        return choose_k(
            profiles,
            monetary=preset.monetary,
            transform=preset.transform,
            scaler=preset.scaler,
            seed=preset.seed,
            progress=lambda k: progress.update(task, description=f"tried k = {k}", advance=1),
        )


def champion_to_follow(settings: Settings) -> SegmentModel | None:
    """Return the champion, whose names the new model keeps; None without a champion or without Postgres."""
    try:
        return model_registry.champion(engine(settings.database))
    except (OperationalError, ProgrammingError):
        messages.print("Postgres can't be read for a champion: the segments get new names.", style="dim")
        return None


def show(result: FitResult, choice: KChoice | None, as_json: bool) -> None:
    """Print the chosen k and the segments of a fit."""
    if choice is not None:
        messages.print(_curve(choice)) if as_json else output.print(_curve(choice))
        messages.print(choice.reason)
    if as_json:
        output.print_json(to_json(result.model).decode())
    else:
        output.print(_summary(result))


def _with_a_customer(raw: pd.DataFrame) -> pd.DataFrame:
    """The rows that the classic preset may count, in the order of event time, as ``unlikely_dates`` expects them."""
    known = raw.loc[raw["customer"].notna(), ["invoice", "occurred_at"]].rename(columns={"invoice": "transaction_id"})
    return known.drop_duplicates().sort_values("occurred_at", kind="stable")


def _curve(choice: KChoice) -> Table:
    rows = [
        [f"{k}{' ←' if k == choice.k else ''}", f"{inertia:,.0f}", *(f"{number:.3f}" for number in numbers)]
        for k, inertia, *numbers in choice.curve.itertuples()
    ]
    return table("Number of segments", ["k", "inertia", "silhouette", "Davies-Bouldin", "stability"], rows)


def _summary(result: FitResult) -> Table:
    rows = [
        [persona, f"{size:,}", f"{recency:,.1f}", f"{frequency:,.1f}", f"£{monetary:,.2f}"]
        for persona, size, recency, frequency, monetary in result.summary.itertuples(index=False)
    ]
    return table(f"Model {result.model.version}", ["persona", "customers", "days since", "orders", "spent"], rows)
