"""The dataset that tests run on: the real one where it lies beside the checkout, else a synthetic one of its shape."""

from functools import cache
from pathlib import Path

from data import dataset, synthetic
from data.dataset import Dataset

REAL = Path(__file__).parents[3] / "shared" / "data" / "online_retail_II.parquet"


@cache
def retail() -> Dataset:
    """Two years of a shop."""
    if REAL.exists():
        return dataset.load(REAL)
    return dataset.clean(synthetic.generate(customers=1_500, seed=11), "synthetic")
