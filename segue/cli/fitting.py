"""The steps of ``segue fit``: read profiles from a file or the stream, choose k, and print the segments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from batch.choices import PresetName
from batch.choose_k import KS, KChoice, choose_k
from batch.fit import FitResult
from batch.presets import Preset, classic_profiles
from batch.profiles import profiles_as_of
from data.datasets.dataset import clean
from data.datasets.selection import choose_rows
from data.postgres import currency, model_registry
from data.postgres.stream_profiles import read_profiles
from models.segment_model import SegmentModel, to_json
from runtime.money import Money
from runtime.running_stack import not_running_reason
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, progress_bar, table
from segue.cli.options import check_cutoff, check_dates
from segue.cli.postgres import connect

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Source:
    """Profiles to fit on, metadata about their origin, and how their amounts are written."""

    profiles: pd.DataFrame
    metadata: dict[str, Any]
    money: Money


@dataclass(frozen=True)
class Registry:
    """Where to register a model, and the champion; ``reason`` is why there is no database, if there is none."""

    postgres: Engine | None
    champion: SegmentModel | None
    reason: str | None


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
        moment = dataset.report.last + DAY if cutoff is None else cutoff
        check_cutoff(moment, dataset.report.first, dataset.report.last)
        profiles = profiles_as_of(dataset.transactions, moment)
    return Source(profiles, {"dataset": rows.name, "cutoff": moment.isoformat()}, settings.money)


def from_stream(settings: Settings, path: Path | None, cutoff: datetime | None, preset: PresetName) -> Source:
    """Return the profiles of the customers in Postgres."""
    if path is not None:
        fail("give a dataset or --from-stream, not both")
    if preset == "classic":
        fail("--preset classic needs the raw rows of a dataset: leave out --from-stream")
    postgres = connect(settings, 0)
    found = read_profiles(postgres, cutoff)
    metadata = {
        "dataset": "the stream",
        "cutoff": found.as_of.isoformat(),
        "event_time": found.event_time.isoformat(),
    }
    return Source(found.profiles, metadata, currency.stored_money(postgres, settings.money))


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


def registry(settings: Settings, register: bool, dry_run: bool) -> Registry:
    """Find out, before the work begins, where a model is registered and whose names it keeps.

    Parameters
    ----------
    register
        Whether a missing database is an error; otherwise nothing is registered without one.
    """
    if settings.database_url is None and not register:
        return Registry(None, None, not_running_reason(settings.state_dir))
    postgres = connect(settings)
    try:
        champion = model_registry.champion(postgres)
    except (OperationalError, ProgrammingError):
        if not dry_run:
            raise
        messages.print("Postgres can't be read for a champion: the segments get new names.", style="dim")
        return Registry(None, None, None)
    if dry_run:
        return Registry(None, champion, None)
    if not model_registry.may_register(postgres):
        fail("this user of the database may not register models: use a user who may, or --dry-run")
    return Registry(postgres, champion, None)


def show(result: FitResult, choice: KChoice | None, as_json: bool, money: Money) -> None:
    """Print the chosen k and the segments of a fit."""
    if choice is not None:
        messages.print(_curve(choice)) if as_json else output.print(_curve(choice))
        messages.print(choice.reason)
    if as_json:
        output.print_json(to_json(result.model).decode())
    else:
        output.print(_summary(result, money))


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


def _summary(result: FitResult, money: Money) -> Table:
    rows = [
        [persona, f"{size:,}", f"{recency:,.1f}", f"{frequency:,.1f}", money.exact(monetary)]
        for persona, size, recency, frequency, monetary in result.summary.itertuples(index=False)
    ]
    return table(f"Model {result.model.version}", ["persona", "customers", "days since", "orders", "spent"], rows)
