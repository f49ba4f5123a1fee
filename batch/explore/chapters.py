"""All chapters of the exploration in reading order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import pandas as pd

from batch.choose_k import KChoice, choose_k
from batch.dataset_frames import profiles_of
from batch.explore.baskets import lines_per_order, returns_over_time, value_of_orders
from batch.explore.cohorts import cohort_retention
from batch.explore.distributions import rfm_distributions
from batch.explore.expiries import what_expires
from batch.explore.finding import Chapter, Finding
from batch.explore.k_curve import elbow, separation, silhouettes, stability
from batch.explore.quality import quality_table
from batch.explore.revenue import orders_by_weekday_and_hour, revenue_by_country, revenue_by_month
from batch.explore.segments import Segmented, cloud, segment_table, segmented, snake_plot
from batch.explore.stock_codes import knows_products, odd_codes_table
from batch.fit import FitError, fit
from batch.presets import PRESETS
from batch.profiles import features
from data.datasets.dataset import Dataset
from models.segment_model import Monetary, SegmentModel, Transform
from models.window_text import in_last_days
from runtime.money import Money

_DEFAULT = PRESETS["segue"]


@dataclass(frozen=True)
class ExploredSource:
    """The data to explore, and the options of the segment fit.

    Parameters
    ----------
    money
        How amounts are written.
    wanted_k
        Number of segments; None lets :func:`batch.choose_k.choose_k` choose.
    window_days
        Frequency and money count this many days before :attr:`as_of` only; None counts everything.
    """

    dataset: Dataset
    money: Money
    wanted_k: int | None = None
    monetary: Monetary = "net"
    transform: Transform = "log1p"
    seed: int = 42
    window_days: int | None = None

    @property
    def as_of(self) -> datetime:
        """One day after the last transaction, the default of ``segue fit`` too."""
        return self.dataset.report.last + timedelta(days=1)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """Profiles of all customers who have bought, as of the end of the data."""
        return profiles_of(self.dataset, self.as_of, self.window_days)

    @cached_property
    def choice(self) -> KChoice:
        """The curves over k, and the chosen k."""
        return choose_k(
            self.profiles,
            monetary=self.monetary,
            transform=self.transform,
            seed=self.seed,
            recency_unit=_DEFAULT.recency_unit,
        )

    @property
    def k(self) -> int:
        """Number of segments shown."""
        return self.wanted_k or self.choice.k

    @cached_property
    def model(self) -> SegmentModel:
        """The segment model, fitted as by ``segue fit``."""
        how = _DEFAULT._replace(k=self.k, monetary=self.monetary, transform=self.transform, seed=self.seed)
        return fit(self.profiles, **how._replace(window_days=self.window_days)._asdict()).model

    @cached_property
    def customers(self) -> Segmented:
        """The customers of :attr:`profiles` with their segments."""
        return segmented(self.profiles, self.model)


def _quality(source: ExploredSource) -> Iterator[Finding]:
    yield quality_table(source.dataset)
    if knows_products(source.dataset):
        yield odd_codes_table(source.dataset, source.money)


def _revenue(source: ExploredSource) -> Iterator[Finding]:
    yield revenue_by_month(source.dataset, source.money)
    yield revenue_by_country(source.dataset, source.money)
    yield orders_by_weekday_and_hour(source.dataset)


def _cohorts(source: ExploredSource) -> Iterator[Finding]:
    yield cohort_retention(source.dataset)


def _baskets(source: ExploredSource) -> Iterator[Finding]:
    yield lines_per_order(source.dataset)
    yield value_of_orders(source.dataset, source.money)
    yield returns_over_time(source.dataset, source.money)


def _rfm(source: ExploredSource) -> Iterator[Finding]:
    yield rfm_distributions(source.profiles, source.monetary, source.money, source.window_days)


def _choice_of_k(source: ExploredSource) -> Iterator[Finding]:
    for curve in (elbow, stability, silhouettes, separation):
        yield curve(source.choice, source.k)


def _segments(source: ExploredSource) -> Iterator[Finding]:
    yield snake_plot(source.customers, source.money)
    yield segment_table(source.customers, source.money)
    yield cloud(source.customers, source.money, seed=source.seed)
    if source.window_days is not None:
        yield what_expires(source.dataset, source.as_of, source.window_days, source.money)


CHAPTERS: tuple[tuple[str, Callable[[ExploredSource], Iterator[Finding]]], ...] = (
    ("Data quality", _quality),
    ("Revenue", _revenue),
    ("Cohorts", _cohorts),
    ("Baskets and returns", _baskets),
    ("Recency, frequency, money", _rfm),
    ("Number of segments", _choice_of_k),
    ("The segments", _segments),
)


def chapters(source: ExploredSource) -> Iterator[Chapter]:
    """Yield the chapters; each one is computed on demand.

    Raises
    ------
    FitError
        If no customer bought or spent anything, or when a chapter needs segments and none can be fitted.
    """
    if not source.dataset.report.sales:
        raise FitError(f"{source.dataset.name}: there are only returns, so there are no segments to explore")
    if not (features(source.profiles, source.monetary)["monetary"] > 0).any():
        net = " net of returns" if source.monetary == "net" else ""
        when = in_last_days(source.window_days)
        raise FitError(
            f"{source.dataset.name}: no customer has spent anything{net}{when}, so there is no revenue to explore"
        )
    for title, findings in CHAPTERS:
        yield Chapter(title, tuple(findings(source)))
