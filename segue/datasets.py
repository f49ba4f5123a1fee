"""Which dataset a command works on: the one that was named, the downloaded one, or a synthetic one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from data import dataset, synthetic
from data.dataset import Dataset
from data.fetch import CACHE_NAME

SYNTHETIC_SEED = 7


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dataset, and how it was chosen, for people."""

    dataset: Dataset
    why: str


def choose(path: Path | None, datasets_dir: Path) -> Chosen:
    """Load the named dataset, else the downloaded one, else make the synthetic one."""
    if path is not None:
        return Chosen(dataset.load(path), f"{path.name}")
    downloaded = datasets_dir / CACHE_NAME
    if downloaded.exists():
        return Chosen(dataset.load(downloaded), "Online Retail II, as downloaded")
    made = dataset.clean(synthetic.generate(seed=SYNTHETIC_SEED), "synthetic")
    return Chosen(made, "synthetic data (nothing is downloaded; `segue data fetch` gets the real dataset)")


def default_cutoff(chosen: Dataset) -> datetime:
    """One year after the first day of a dataset, or half of it if it is shorter than two."""
    first, last = chosen.report.first, chosen.report.last
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    half = timedelta(days=(last - midnight).days // 2)
    return midnight + (timedelta(days=365) if half >= timedelta(days=365) else half)
