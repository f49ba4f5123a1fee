"""How sensitive segment names are to the numbers behind them: prototypes, weights and the cost of unused personas.

    python benchmarks/persona_evidence.py FILE [--seeds 200]

FILE is a dataset of two years such as Online Retail II. The tables are in docs/models.md.

- Weights: names on fits with 3 to 7 segments, with each feature's weight at half and at one and a half times its value.
- Prototypes: names on the same fits, with random noise on all coordinates of all prototypes.
- Unused personas: monthly refits in the dataset's second year, each aligned with the one before it; and by how much the
  recency of each of five segments must grow until alignment gives the segment another name.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.datasets.dataset import Dataset
from data.datasets.load import load
from models.alignment import UNUSED_COST, align
from models.compare import segment_ids
from models.personas import ARCHETYPES, WEIGHTS, match, name_segments
from models.segment_model import FEATURES, Segment, SegmentModel, build
from models.units import Floats

KS = range(3, 8)
FACTORS = (0.5, 1.5)
NOISES = (0.05, 0.1, 0.2, 0.3)
COSTS = (0.0, 0.25, 0.5, UNUSED_COST, 1.0, 1.5, 3.0)
MOST_GROWTH = 3.0
PROTOTYPES: Floats = np.array([archetype.prototype for archetype in ARCHETYPES])


def names(model: SegmentModel, prototypes: Floats = PROTOTYPES, weights: Floats = WEIGHTS) -> list[str]:
    """The persona of each centroid, in the model's order, under other prototypes or weights."""
    return [ARCHETYPES[row].name for row in match(model.centroids, prototypes, weights=weights)]


def weight_table(models: list[SegmentModel]) -> str:
    """Names by k, and what changes about them with each feature's weight."""
    columns = [f"{feature} x {factor}" for feature in FEATURES for factor in FACTORS]
    lines = [f"| k | names | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for model in models:
        usual = names(model)
        cells = []
        for feature in range(len(FEATURES)):
            for factor in FACTORS:
                weights = WEIGHTS.copy()
                weights[feature] *= factor
                cells.append(_changes(usual, names(model, weights=weights)))
        lines.append(f"| {len(usual)} | {', '.join(usual)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _changes(before: list[str], after: list[str]) -> str:
    return "; ".join(f"{a} → {b}" for a, b in zip(before, after, strict=True) if a != b) or "—"


def noise_table(models: list[SegmentModel], seeds: int) -> str:
    """The share of names that noise on the prototypes leaves as they are, by k."""
    lines = ["| k | " + " | ".join(f"noise {noise}" for noise in NOISES) + " |", "|---" * (1 + len(NOISES)) + "|"]
    for model in models:
        usual = names(model)
        kept = []
        for noise in NOISES:
            rng = np.random.default_rng(0)
            same = [
                np.mean([a == b for a, b in zip(usual, names(model, _moved(rng, noise)), strict=True)])
                for _ in range(seeds)
            ]
            kept.append(f"{np.mean(same):.0%}")
        lines.append(f"| {len(usual)} | {' | '.join(kept)} |")
    return "\n".join(lines)


def _moved(rng: np.random.Generator, noise: float) -> Floats:
    """Prototypes with normal noise, in units in which names compare: after ``arcsinh``."""
    return np.sinh(np.arcsinh(PROTOTYPES) + rng.normal(0.0, noise, PROTOTYPES.shape))


def refits(dataset: Dataset, k: int) -> Iterator[tuple[SegmentModel, SegmentModel, pd.DataFrame]]:
    """Each month of the second year: last month's model and this month's, both named afresh, and the customers."""
    begin = dataset.report.first.replace(hour=0, minute=0) + timedelta(days=365)
    before = fit(profiles_as_of(dataset.transactions, begin), k=k).model
    for month in range(1, 13):
        profiles = profiles_as_of(dataset.transactions, begin + timedelta(days=30 * month))
        after = fit(profiles, k=k).model
        yield before, after, profiles
        before = after


def cost_table(dataset: Dataset, model: SegmentModel) -> str:
    """By cost: new names in refits, customers whose name stays, and the shift of recency that renames a segment."""
    lines = [
        "| cost of an unused persona | new names in 12 refits, k = 4, 5, 6, 7 | customers with the same name | "
        f"growth of recency that renames {', '.join(names(model))} |",
        "|---|---|---|---|",
    ]
    runs = {k: list(refits(dataset, k)) for k in (4, 5, 6, 7)}
    for cost in (None, *COSTS):
        new, same = [], []
        for months in runs.values():
            found = list(_chain(months, cost))
            new.append(str(sum(number for number, _ in found)))
            same += [share for _, share in found]
        label = "named afresh, not aligned" if cost is None else f"{cost:g}"
        growth = ", ".join(_renaming_growth(model, segment, cost) for segment in range(len(model.segments)))
        lines.append(f"| {label} | {', '.join(new)} | {np.mean(same):.1%} | {growth} |")
    return "\n".join(lines)


def _named(centroids: Floats, champion: SegmentModel, cost: float | None) -> tuple[Segment, ...]:
    return name_segments(centroids) if cost is None else align(centroids, champion, cost)


def _renaming_growth(model: SegmentModel, segment: int, cost: float | None) -> str:
    """The least growth of one segment's recency, in standard deviations, after which it has another name."""
    for growth in np.arange(0.05, MOST_GROWTH, 0.05):
        centroids = model.centroids.copy()
        centroids[segment, 0] += growth
        found = {named.centroid: named.id for named in _named(centroids, model, cost)}
        if found[tuple(centroids[segment].tolist())] != model.segments[segment].id:
            return f"{growth:.2f}"
    return f"> {MOST_GROWTH:g}"


def _chain(
    months: list[tuple[SegmentModel, SegmentModel, pd.DataFrame]], cost: float | None
) -> Iterator[tuple[int, float]]:
    """Every refit aligned with the one before it, which has been aligned itself."""
    champion = months[0][0]
    for _, refit, profiles in months:
        segments = _named(refit.centroids, champion, cost)
        named = build(refit.monetary, refit.transform, refit.means, refit.scales, segments)
        same = (segment_ids(profiles, champion) == segment_ids(profiles, named)).mean()
        yield len(named.index.keys() - champion.index.keys()), float(same)
        champion = named


def main() -> None:
    """Fit, vary, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    parser.add_argument("--seeds", type=int, default=200, help="draws of noise")
    arguments = parser.parse_args()
    dataset = load(arguments.file)
    profiles = profiles_as_of(dataset.transactions, dataset.report.last + timedelta(days=1))
    models = [fit(profiles, k=k).model for k in KS]
    tables = (weight_table(models), noise_table(models, arguments.seeds), cost_table(dataset, models[KS.index(5)]))
    sys.stdout.write("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
