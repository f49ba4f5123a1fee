"""Population stability index: how far a feature's distribution has moved from what it was.

With the shares p of a reference and q of now in the same bins,

    PSI = sum over bins of (q - p) ln(q / p)

the symmetrised Kullback-Leibler divergence (Jeffreys 1946; the name and its rules of thumb, 0.1 to look at and 0.25 to
act on, are from credit scoring: Siddiqi 2006, Credit Risk Scorecards). It is never negative, and 0 for equal shares.

Samples of n and m from one and the same distribution differ too: then PSI / (1/n + 1/m) is about chi-squared with as
many degrees of freedom as there are bins but one (Yurdakul & Naranjo 2020, Statistical properties of the population
stability index, J. Risk Model Validation 14(4)). What a fair sample may show by chance is not a shift.
"""

import numpy as np

from models.units import Floats, Ints

BINS = 10
# A bin that is empty on one side would make the index infinite; half a customer in it does not.
_HALF = 0.5
# How often a fair sample may exceed its allowance: once in a thousand windows.
_CHANCE = 0.001


def quantile_edges(values: Floats | Ints, bins: int = BINS) -> Floats:
    """Inner edges, shape (at most bins - 1,), between bins that hold about as many values each.

    Values that are all alike have no edge; a value that fills several bins has one bin of its own.
    """
    quantiles = np.quantile(np.asarray(values, dtype=np.float64), np.arange(1, bins) / bins, method="inverted_cdf")
    edges = np.unique(quantiles)
    return np.asarray(edges[edges > np.min(values)], dtype=np.float64)


def counts(values: Floats | Ints, edges: Floats) -> Ints:
    """How many values lie in each of the bins, shape (edges + 1,); an edge belongs to the bin above it."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def psi(reference: Ints, now: Ints) -> float:
    """The index of two samples that were counted in the same bins; 0 where one of them is empty."""
    if not reference.sum() or not now.sum():
        return 0.0
    p, q = _shares(reference), _shares(now)
    return float(((q - p) * np.log(q / p)).sum())


def allowance(bins: int, reference: int, now: int) -> float:
    """What the index of two samples of one distribution exceeds once in a thousand times; infinite for empty ones."""
    if not reference or not now:
        return float("inf")
    # scipy.stats takes long to import: only what observes drift pays for it.
    from scipy.stats import chi2

    return float(chi2.isf(_CHANCE, bins - 1)) * (1 / reference + 1 / now) if bins > 1 else 0.0


def _shares(sample: Ints) -> Floats:
    filled = np.maximum(sample, _HALF)
    return np.asarray(filled / filled.sum())
