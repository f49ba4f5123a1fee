"""How sensitive the chosen number of segments is to the constants of `batch/choose_k.py`.

    python benchmarks/choose_k_evidence.py FILE

FILE is a dataset such as Online Retail II. The tables are in docs/models.md.

- Dataset: the k that is chosen under other stability thresholds, seeds, numbers of bootstraps and sample sizes.
- Known k: how often k is found in points drawn from k normal distributions, by how far their centres are apart.
"""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from batch.choose_k import KS, Effort, choose_k, chosen, k_curve
from batch.profiles import profiles_as_of
from data.datasets.load import load
from models.segment_model import Monetary, Transform
from models.units import Floats

THRESHOLDS = (0.6, 0.7, 0.8, 0.9, 0.95)
DEFINITIONS: tuple[tuple[Monetary, Transform, float], ...] = (
    ("net", "log1p", 1.0),
    ("net", "log1p", 90.0),
    ("gross", "log1p", 1.0),
    ("gross", "identity", 1.0),
)
SEEDS = range(5)
EFFORTS = (
    *(Effort(bootstraps=number) for number in (4, 8, 16)),
    *(Effort(customers=number) for number in (3_000, 1_000)),
)
DISTANCES = (3.0, 4.0, 6.0)
KNOWN_KS = (3, 4, 5, 6)
DRAWS = 10
POINTS = 1_500


def threshold_table(profiles: pd.DataFrame) -> str:
    """The chosen k by definition of the features and stability threshold, and the stability of each k."""
    ks = [str(k) for k in KS]
    head = ["features", *(f"threshold {threshold}" for threshold in THRESHOLDS), *(f"stability at {k}" for k in ks)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for monetary, transform, unit in DEFINITIONS:
        curve = choose_k(profiles, monetary=monetary, transform=transform, recency_unit=unit).curve
        ks_chosen = [str(chosen(curve, threshold).k) for threshold in THRESHOLDS]
        in_units = "" if unit == 1 else f", units of {unit:g} days"
        lines.append(f"| {monetary}, {transform}{in_units} | {' | '.join(ks_chosen)} | {_stabilities(curve)} |")
    return "\n".join(lines)


def _stabilities(curve: pd.DataFrame) -> str:
    return " | ".join(f"{value:.2f}" for value in curve["stability"])


def effort_table(profiles: pd.DataFrame) -> str:
    """The chosen k and its stability by seed, for other numbers of bootstraps and sample sizes."""
    lines = ["| bootstraps | customers sampled | k by seed | stability of the chosen k, lowest and highest |"]
    lines.append("|---|---|---|---|")
    for effort in EFFORTS:
        choices = [choose_k(profiles, seed=seed, effort=effort) for seed in SEEDS]
        found = [choice.curve["stability"][choice.k] for choice in choices]
        size = "all" if effort.customers > len(profiles) else f"{effort.customers:,}"
        ks = ", ".join(str(choice.k) for choice in choices)
        lines.append(f"| {effort.bootstraps} | {size} | {ks} | {min(found):.2f}, {max(found):.2f} |")
    return "\n".join(lines)


def known_table() -> str:
    """The number of draws in which the rule chooses the k that the points were drawn with."""
    lines = ["| least distance of two centres | " + " | ".join(f"k = {k}" for k in KNOWN_KS) + " |"]
    lines.append("|---" * (1 + len(KNOWN_KS)) + "|")
    for distance in DISTANCES:
        cells = []
        for k in KNOWN_KS:
            found = [chosen(k_curve(blobs(k, distance, seed), 42, lambda k: None)).k for seed in range(DRAWS)]
            cells.append(f"{found.count(k)}/{DRAWS}" + (f" (else {_else(found, k)})" if found.count(k) < DRAWS else ""))
        lines.append(f"| {distance:g} standard deviations | {' | '.join(cells)} |")
    return "\n".join(lines)


def _else(found: list[int], k: int) -> str:
    return ", ".join(str(other) for other in sorted(set(found) - {k}))


def blobs(k: int, distance: float, seed: int) -> Floats:
    """Points of k standard normal distributions whose centres are at least ``distance`` apart, shape (n, 3)."""
    rng = np.random.default_rng(seed)
    while True:
        centres = rng.uniform(0, 1.5 * distance, (k, 3))
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(k, dtype=bool)]
        if gaps.min() >= distance:
            break
    return np.asarray(centres[rng.integers(0, k, POINTS)] + rng.normal(size=(POINTS, 3)))


def main() -> None:
    """Vary the constants, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset")
    arguments = parser.parse_args()
    dataset = load(arguments.file)
    profiles = profiles_as_of(dataset.transactions, dataset.report.last + timedelta(days=1))
    for table in (threshold_table(profiles), effort_table(profiles), known_table()):
        sys.stdout.write(f"{table}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
