"""Choosing a dataset: the named files, else the downloaded dataset, else a synthetic one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from data.datasets import frames, synthetic
from data.datasets.dataset import Dataset
from data.datasets.fetch import CACHE_NAME
from data.datasets.load import load
from data.datasets.reading import Reading
from runtime.errors import Hint

SYNTHETIC_SEED = 7
_DEFAULT = Reading()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dataset, why it was chosen, and how to get a better one, if there is one."""

    dataset: Dataset
    why: str
    hint: Hint | None = None


def choose(paths: Sequence[Path] | Path | None, datasets_dir: Path, reading: Reading = _DEFAULT) -> Chosen:
    """Load the named files, else the downloaded dataset, else generate the synthetic one.

    ``reading`` says how the named files are to be read; of the other two only their currency can be chosen.
    """
    if paths:
        found = load(paths, reading)
        preset = found.mapping.preset
        return Chosen(found, f"{found.name}, read as {preset}" if preset else f"{found.name}, read by its mapping")
    downloaded = datasets_dir / CACHE_NAME
    if downloaded.exists():
        return Chosen(load(downloaded, Reading(currency=reading.currency)), "Online Retail II, as downloaded")
    made = frames.clean(synthetic.generate(seed=SYNTHETIC_SEED), "synthetic", reading.currency)
    return Chosen(made, "synthetic data", Hint.DOWNLOAD)


def default_cutoff(chosen: Dataset) -> datetime:
    """One year after the first day of a dataset, or half of its days if it is shorter than two years."""
    first, last = chosen.report.first, chosen.report.last
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    half = timedelta(days=(last - midnight).days // 2)
    return midnight + (timedelta(days=365) if half >= timedelta(days=365) else half)
