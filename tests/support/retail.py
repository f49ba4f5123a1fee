"""The dataset that tests run on: the real one if it is beside the checkout, else a synthetic one of the same shape."""

import os
from functools import cache
from pathlib import Path

import pandas as pd

from data.datasets import frames, synthetic
from data.datasets.dataset import Dataset
from data.datasets.load import load

#: The size of the synthetic dataset, of which the tests of subscribers need 15,000 transactions, and its seed.
CUSTOMERS, SEED = 2_400, 12
SMALL, MEDIUM = 200, 800
_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "online_retail_II.parquet"
#: The real dataset; ``make test-fast`` does without it, since reading it takes seconds.
REAL = Path(os.environ.get("SEGUE_TEST_DATASET", _BESIDE))


@cache
def rows() -> pd.DataFrame:
    """Raw rows of two years; read once per process."""
    return frames.frame(retail())


@cache
def retail() -> Dataset:
    """Transactions of two years; cleaned once per process."""
    if REAL.exists():
        return load(REAL)
    return frames.clean(synthetic.generate(customers=CUSTOMERS, seed=SEED), "synthetic")


@cache
def small() -> Dataset:
    """A few thousand transactions, for tests to which the number does not matter."""
    return frames.clean(synthetic.generate(customers=SMALL, seed=SEED), "synthetic")


@cache
def medium() -> Dataset:
    """More than six thousand transactions, for runs in the middle of which something happens."""
    return frames.clean(synthetic.generate(customers=MEDIUM, seed=SEED), "synthetic")
