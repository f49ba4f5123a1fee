"""The steps of ``segue fit``: read profiles from a file or the stream, choose k, and print the segments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from batch.choices import PresetName
from batch.choose_k import KS, KChoice, choose_k
from batch.dataset_frames import orders_of, profiles_of
from batch.fit import FitResult, direction_of
from batch.presets import Preset, classic_profiles
from data.datasets.reading import Reading
from data.datasets.selection import choose
from data.postgres import currency, model_registry, progress
from data.postgres.ledger import orders_until
from data.postgres.stream_profiles import read_profiles
from models.moves import Direction
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.segment_model import SegmentModel, to_json
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money
from runtime.running_stack import not_running_reason
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, progress_bar, table
from segue.cli.options import check_cutoff, check_dates
from segue.cli.postgres import connect
from segue.cli.reading_options import mention
from segue.cli.windows import mention_if_everything_counts

DAY = timedelta(days=1)
#: A first model of a stream needs this many customers for each segment: fewer are chance.
CUSTOMERS_PER_SEGMENT = 10
#: A larger share of moves in the wrong direction is worth a warning.
WRONG_SHARE = 0.01


@dataclass(frozen=True)
class FitSource:
    """Profiles to fit on, metadata about their origin, how their amounts are written, and their orders.

    ``orders`` returns the transactions of some of the customers, up to ``as_of``.
    """

    profiles: pd.DataFrame
    metadata: dict[str, Any]
    money: Money
    as_of: datetime
    orders: Callable[[], pd.DataFrame]


@dataclass(frozen=True)
class Registry:
    """Where to register a model, and the champion; ``reason`` is why there is no database, if there is none."""

    postgres: Engine | None
    champion: SegmentModel | None
    reason: str | None


def from_dataset(
    settings: Settings,
    files: Sequence[Path] | None,
    reading: Reading,
    cutoff: datetime | None,
    preset: PresetName,
    accept_dates: bool,
    window_days: int | None = None,
) -> FitSource:
    """Return the profiles of a dataset."""
    dataset = choose(files, settings.datasets_dir, reading).dataset
    if files:
        mention(dataset)
    check_dates(dataset, accept_dates)
    if preset == "classic":
        if cutoff is not None:
            fail("--preset classic counts all sales, as of the day after the last one: leave out --cutoff")
        profiles, moment = classic_profiles(dataset)
    else:
        moment = dataset.report.last + DAY if cutoff is None else cutoff
        check_cutoff(moment, dataset.report.first, dataset.report.last)
        mention_if_everything_counts(window_days, dataset.report.first, moment)
        profiles = profiles_of(dataset, moment, window_days)
    money = settings.money.of(dataset.currency)
    metadata = {"dataset": dataset.name, "cutoff": moment.isoformat()}
    return FitSource(profiles, metadata, money, moment, partial(orders_of, dataset, moment, MOST_CUSTOMERS))


def from_stream(
    settings: Settings,
    files: Sequence[Path] | None,
    cutoff: datetime | None,
    preset: PresetName,
    window_days: int | None = None,
) -> FitSource:
    """Return the profiles of the customers in Postgres."""
    if files:
        fail("give a dataset or --from-stream, not both")
    if preset == "classic":
        fail("--preset classic needs the raw rows of a dataset: leave out --from-stream")
    postgres = connect(settings, 0)
    found = read_profiles(postgres, cutoff, window_days)
    metadata = {
        "dataset": "the stream",
        "cutoff": found.as_of.isoformat(),
        "event_time": found.event_time.isoformat(),
    }
    until = min(found.as_of, found.event_time)

    def orders() -> pd.DataFrame:
        with postgres.connect() as connection:
            return orders_until(connection, until, MOST_CUSTOMERS)

    return FitSource(found.profiles, metadata, currency.stored_money(postgres, settings.money), found.as_of, orders)


def check_enough(settings: Settings, k: int) -> None:
    """Say what is missing for a first model of a stream with k segments, and end the command, if anything is."""
    postgres = connect(settings)
    if model_registry.champion_version(postgres) is not None:
        return
    missing = []
    bought, least = progress.customers_with_a_purchase(postgres), CUSTOMERS_PER_SEGMENT * k
    if bought < least:
        missing.append(
            f"{many(bought, 'customer has', 'customers have')} bought, "
            f"and {k} segments need {least:,} ({CUSTOMERS_PER_SEGMENT} for each)"
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
            recency_unit=preset.recency_unit,
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


def show(result: FitResult, choice: KChoice | None, as_json: bool, source: FitSource) -> None:
    """Print the chosen k and the segments of a fit, and whether their moves go the right way."""
    if choice is not None:
        messages.print(_curve(choice)) if as_json else output.print(_curve(choice))
        messages.print(choice.reason)
    if as_json:
        output.print_json(to_json(result.model).decode())
    else:
        output.print(_summary(result, source.money))
    _show_direction(direction_of(result.model, source.profiles), is_in_rank_order=result.model.metadata["rank_order"])


def _show_direction(direction: Direction, is_in_rank_order: bool) -> None:
    """Print which moves go the wrong way, and what helps if more than a few do."""
    if not direction.by_time and not direction.by_purchase:
        return
    climbs, falls = direction.climb_share, direction.fall_share
    messages.print(
        f"Of the moves by time alone {climbs:.1%} climb to a better segment; of those by a purchase {falls:.1%} fall.",
        soft_wrap=True,
    )
    if climbs > WRONG_SHARE and not is_in_rank_order:
        _warn("Waiting promotes some customers: --rank-order rules that out. See docs/segments.md.")
    if falls > WRONG_SHARE:
        _warn("A purchase demotes some customers: try another number of segments with --k.")


def _warn(text: str) -> None:
    messages.print(text, style="yellow", soft_wrap=True)


def _curve(choice: KChoice) -> Table:
    rows = [
        [f"{k}{' ←' if k == choice.k else ''}", f"{inertia:,.0f}", *map(_measure, numbers)]
        for k, inertia, *numbers in choice.curve.itertuples()
    ]
    return table("Number of segments", ["k", "inertia", "silhouette", "Davies-Bouldin", "stability"], rows)


def _measure(number: float) -> str:
    """A measure of a clustering; some are not defined for as many segments as customers."""
    return "—" if math.isnan(number) else f"{number:.3f}"


def _summary(result: FitResult, money: Money) -> Table:
    rows = [
        [persona, f"{size:,}", f"{recency:,.1f}", f"{frequency:,.1f}", money.exact(monetary)]
        # Perhaps no customer is inactive; then there is no mean.
        if size
        else [persona, "0", "—", "—", "—"]
        for persona, size, recency, frequency, monetary in result.summary.itertuples(index=False)
    ]
    days = result.model.window_days
    counted = "" if days is None else f": orders and money{in_last_days(days)}"
    columns = ["persona", "customers", "days since", "orders", "spent"]
    return table(f"Model {result.model.version}{counted}", columns, rows)
