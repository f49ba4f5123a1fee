"""Choosing a dataset: the named file, else the downloaded dataset, else a synthetic one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from data.datasets import dataset, readers, synthetic
from data.datasets.dataset import Dataset
from data.datasets.fetch import CACHE_NAME
from runtime.errors import Hint

SYNTHETIC_SEED = 7


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dataset, why it was chosen, and how to get a better one, if there is one."""

    dataset: Dataset
    why: str
    hint: Hint | None = None


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The raw rows of a dataset, its name, and the rest as in :class:`Chosen`."""

    raw: pd.DataFrame
    name: str
    why: str
    hint: Hint | None = None


def choose(path: Path | None, datasets_dir: Path) -> Chosen:
    """Load the named file, else the downloaded dataset, else generate the synthetic one."""
    rows = choose_rows(path, datasets_dir)
    return Chosen(dataset.clean(rows.raw, rows.name), rows.why, rows.hint)


def choose_rows(path: Path | None, datasets_dir: Path) -> ChosenRows:
    """The raw rows of what :func:`choose` loads."""
    if path is not None:
        return ChosenRows(readers.read(path), path.name, path.name)
    downloaded = datasets_dir / CACHE_NAME
    if downloaded.exists():
        return ChosenRows(readers.read(downloaded), downloaded.name, "Online Retail II, as downloaded")
    return ChosenRows(synthetic.generate(seed=SYNTHETIC_SEED), "synthetic", "synthetic data", Hint.DOWNLOAD)


def default_cutoff(chosen: Dataset) -> datetime:
    """One year after the first day of a dataset, or half of its days if it is shorter than two years."""
    first, last = chosen.report.first, chosen.report.last
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    half = timedelta(days=(last - midnight).days // 2)
    return midnight + (timedelta(days=365) if half >= timedelta(days=365) else half)
