"""The whole exploration in reading order, one chapter at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import pandas as pd

from batch.choose_k import KChoice, choose_k
from batch.explore.baskets import lines_per_order, returns_over_time, value_of_orders
from batch.explore.cohorts import cohort_retention
from batch.explore.distributions import rfm_distributions
from batch.explore.exhibit import Chapter, Exhibit
from batch.explore.k_curve import elbow, separation, silhouettes, stability
from batch.explore.quality import odd_codes_table, quality_table
from batch.explore.revenue import orders_by_weekday_and_hour, revenue_by_country, revenue_by_month
from batch.explore.segments import Segmented, cloud, segment_table, segmented, snake_plot
from batch.fit import fit
from batch.profiles import profiles_as_of
from data.datasets.dataset import Dataset
from models.segment_model import Monetary, SegmentModel, Transform


@dataclass(frozen=True)
class Source:
    """What is explored, and how segments are fitted on it.

    Parameters
    ----------
    raw
        Rows as :func:`data.datasets.readers.read` gives them.
    dataset
        The transactions made of them.
    wanted_k
        How many segments to show; by default as many as :func:`batch.choose_k.choose_k` chooses.
    """

    raw: pd.DataFrame
    dataset: Dataset
    wanted_k: int | None = None
    monetary: Monetary = "net"
    transform: Transform = "log1p"
    seed: int = 42

    @property
    def as_of(self) -> datetime:
        """A day after the last transaction, as `segue fit` has it too."""
        return self.dataset.report.last + timedelta(days=1)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """Everybody who has bought, as of the end of the data."""
        return profiles_as_of(self.dataset.transactions, self.as_of)

    @cached_property
    def choice(self) -> KChoice:
        """The curves over k, and the k that they speak for."""
        return choose_k(self.profiles, monetary=self.monetary, transform=self.transform, seed=self.seed)

    @property
    def k(self) -> int:
        """How many segments are shown."""
        return self.wanted_k or self.choice.k

    @cached_property
    def model(self) -> SegmentModel:
        """The segments, fitted as ``segue fit`` does."""
        return fit(self.profiles, k=self.k, monetary=self.monetary, transform=self.transform, seed=self.seed).model

    @cached_property
    def customers(self) -> Segmented:
        """The same people with their segments."""
        return segmented(self.profiles, self.model)


def _quality(source: Source) -> Iterator[Exhibit]:
    yield quality_table(source.raw, source.dataset)
    yield odd_codes_table(source.raw)


def _revenue(source: Source) -> Iterator[Exhibit]:
    yield revenue_by_month(source.dataset)
    yield revenue_by_country(source.dataset)
    yield orders_by_weekday_and_hour(source.dataset)


def _cohorts(source: Source) -> Iterator[Exhibit]:
    yield cohort_retention(source.dataset)


def _baskets(source: Source) -> Iterator[Exhibit]:
    yield lines_per_order(source.dataset)
    yield value_of_orders(source.dataset)
    yield returns_over_time(source.dataset)


def _rfm(source: Source) -> Iterator[Exhibit]:
    yield rfm_distributions(source.profiles, source.monetary)


def _choice_of_k(source: Source) -> Iterator[Exhibit]:
    for curve in (elbow, stability, silhouettes, separation):
        yield curve(source.choice, source.k)


def _segments(source: Source) -> Iterator[Exhibit]:
    yield snake_plot(source.customers)
    yield segment_table(source.customers)
    yield cloud(source.customers, seed=source.seed)


CHAPTERS: tuple[tuple[str, Callable[[Source], Iterator[Exhibit]]], ...] = (
    ("What the file holds", _quality),
    ("Revenue", _revenue),
    ("Cohorts", _cohorts),
    ("Baskets and returns", _baskets),
    ("Recency, frequency, money", _rfm),
    ("How many segments", _choice_of_k),
    ("The segments", _segments),
)


def chapters(source: Source) -> Iterator[Chapter]:
    """The chapters, each computed when it is asked for.

    Raises
    ------
    FitError
        If no segments can be fitted, when their chapter's turn comes.
    """
    for title, exhibits in CHAPTERS:
        yield Chapter(title, tuple(exhibits(source)))
