"""Time and memory of a fit on two million synthetic profiles.

    python benchmarks/fit_two_million.py [--customers 2000000] [--k 5|auto]

A fit reads profiles, not transactions, so its cost does not depend on the length of the history.
"""

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from batch.choose_k import choose_k
from batch.fit import fit
from models.units import MICROS_PER_DAY, MONEY_UNITS

START = pd.Timestamp("2024-01-01", tz="UTC")


def profiles(customers: int, seed: int = 7) -> pd.DataFrame:
    """Profiles with the skew of a real shop: many customers with one or two orders, a few with very many."""
    rng = np.random.default_rng(seed)
    recency = np.minimum(rng.exponential(200, customers), 1_500).astype(np.int64)
    frequency = np.minimum(1 + rng.lognormal(0.8, 1.1, customers), 5_000).astype(np.int64)
    gross = (frequency * rng.lognormal(5.5, 0.8, customers) * MONEY_UNITS).astype(np.int64)
    returned = (gross * np.where(rng.random(customers) < 0.3, rng.beta(1, 8, customers), 0.0)).astype(np.int64)
    last = START - pd.to_timedelta(recency * MICROS_PER_DAY, unit="us")
    return pd.DataFrame(
        {
            "recency_days": recency,
            "frequency": frequency,
            "gross_units": gross,
            "returned_units": returned,
            "first_purchase_at": last,
            "last_purchase_at": last,
        },
        index=pd.RangeIndex(customers, name="customer_id"),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--k", default="5", help="a number, or auto")
    options = parser.parse_args()
    people = profiles(options.customers)
    started = time.perf_counter()
    k = choose_k(people).k if options.k == "auto" else int(options.k)
    chosen = time.perf_counter()
    result = fit(people, k=k)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(f"{result.summary.round(1).to_string()}\n")
    if options.k == "auto":
        sys.stdout.write(f"k = {k}, chosen in {chosen - started:.1f} s\n")
    sys.stdout.write(f"{len(people):,} profiles fitted in {ended - chosen:.1f} s, {peak:.2f} GiB at most\n")


if __name__ == "__main__":
    main()
