"""Population stability index (PSI): how far a distribution has moved from a reference.

With the shares p of a reference sample and q of a current sample in the same bins,

    PSI = sum over bins of (q - p) ln(q / p)

which is the symmetrised Kullback-Leibler divergence. It is never negative, and 0 for equal shares.

Two samples of n and m values from the same distribution also differ. Then PSI / (1/n + 1/m) is approximately
chi-squared with one degree of freedom fewer than there are bins. An index below what chance allows is no shift.

References
----------
Jeffreys, H. (1946). An invariant form for the prior probability in estimation problems. Proceedings of the Royal
Society A 186(1007): the symmetrised divergence.
Siddiqi, N. (2006). Credit Risk Scorecards: the name, and its rules of thumb 0.1 (investigate) and 0.25 (act).
Yurdakul, B., & Naranjo, J. (2020). Statistical properties of the population stability index. Journal of Risk Model
Validation 14(4): the distribution under no shift.
"""

from functools import cache

import numpy as np

from models.units import Floats, Ints

#: Deciles, as is usual for the index (Siddiqi 2006).
BINS = 10
# A bin that is empty in one sample would make the index infinite, so an empty bin counts as half a value.
_EMPTY_BIN = 0.5
# Probability that samples of one distribution exceed the allowance. Evidence for false alarms at this level:
# benchmarks/drift_evidence.py, shown in docs/drift.md.
_CHANCE = 0.001


def quantile_edges(values: Floats | Ints, bins: int = BINS) -> Floats:
    """Inner edges, shape (at most bins - 1,), of bins with approximately equal numbers of values.

    Equal values give no edge. A value that is frequent enough to fill several bins gets one bin of its own.

    >>> quantile_edges(np.arange(10), bins=2).tolist()
    [4.0]
    """
    quantiles = np.quantile(np.asarray(values, dtype=np.float64), np.arange(1, bins) / bins, method="inverted_cdf")
    edges = np.unique(quantiles)
    return np.asarray(edges[edges > np.min(values)], dtype=np.float64)


def counts(values: Floats | Ints, edges: Floats) -> Ints:
    """Number of values in each bin, shape (edges + 1,); an edge belongs to the bin above it.

    >>> counts(np.arange(10), np.array([4.0])).tolist()
    [4, 6]
    """
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def psi(reference: Ints, now: Ints) -> float:
    """The index of two samples that were counted in the same bins; 0 if one of them is empty.

    >>> round(psi(np.array([50, 50]), np.array([75, 25])), 4)
    0.2747
    """
    if not reference.sum() or not now.sum():
        return 0.0
    p, q = _shares(reference), _shares(now)
    return float(((q - p) * np.log(q / p)).sum())


def allowance(bins: int, reference: int, now: int) -> float:
    """The value that the index of two samples of one distribution exceeds with probability 0.001.

    Parameters
    ----------
    bins
        Number of bins.
    reference, now
        Sizes of the two samples; the allowance is infinite if one of them is empty.
    """
    if not reference or not now:
        return float("inf")
    return _chance(bins - 1) * (1 / reference + 1 / now) if bins > 1 else 0.0


@cache
def _chance(freedom: int) -> float:
    """The value that a chi-squared variable exceeds with the probability :data:`_CHANCE`."""
    # Imported here because scipy.stats is slow to import and only drift observers need it.
    from scipy.stats import chi2

    return float(chi2.isf(_CHANCE, freedom))


def _shares(sample: Ints) -> Floats:
    filled = np.maximum(sample, _EMPTY_BIN)
    return np.asarray(filled / filled.sum())
