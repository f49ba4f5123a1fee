"""Which dataset a command works on: the one that was named, the downloaded one, or a synthetic one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from data.datasets import dataset, readers, synthetic
from data.datasets.dataset import Dataset
from data.datasets.fetch import CACHE_NAME

SYNTHETIC_SEED = 7


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dataset, and how it was chosen, for people."""

    dataset: Dataset
    why: str


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The raw rows of a dataset, its name, and how it was chosen, for people."""

    raw: pd.DataFrame
    name: str
    why: str


def choose(path: Path | None, datasets_dir: Path) -> Chosen:
    """Load the named dataset, else the downloaded one, else make the synthetic one."""
    rows = choose_rows(path, datasets_dir)
    return Chosen(dataset.clean(rows.raw, rows.name), rows.why)


def choose_rows(path: Path | None, datasets_dir: Path) -> ChosenRows:
    """The same, before it is cleaned."""
    if path is not None:
        return ChosenRows(readers.read(path), path.name, path.name)
    downloaded = datasets_dir / CACHE_NAME
    if downloaded.exists():
        return ChosenRows(readers.read(downloaded), downloaded.name, "Online Retail II, as downloaded")
    why = "synthetic data (nothing is downloaded; `segue data fetch` gets the real dataset)"
    return ChosenRows(synthetic.generate(seed=SYNTHETIC_SEED), "synthetic", why)


def default_cutoff(chosen: Dataset) -> datetime:
    """One year after the first day of a dataset, or half of it if it is shorter than two."""
    first, last = chosen.report.first, chosen.report.last
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    half = timedelta(days=(last - midnight).days // 2)
    return midnight + (timedelta(days=365) if half >= timedelta(days=365) else half)
