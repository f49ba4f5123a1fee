"""Drift: what the windows of event time look like to a model, and when that is no longer what it was fitted on.

A window is a day. Each is looked at in three ways:

- **What came in**: the mean distance to the nearest centroid of those who came after a pause, the mean size of a sale,
  the share of returns, the share of first purchases. R, F and M are sums and maxima over a customer's whole life, and
  move slowly; what comes in is what moves them, and shows a shift within weeks. ADWIN watches each.
- **Where it has led**: the population stability index of R, F and M of recent customers, and of everybody's segments,
  against what they were when the model was fitted.
- **What would be better**: a challenger that follows the customers of today, and how far it agrees with the champion.

Nothing here knows a clock or a table. An observer is a fold over windows: the same windows give the same numbers, so
whoever loses its state makes it again from the ledger.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.drift.challenger import Challenger
from models.drift.mean_change import DELTA, ChangeDetector
from models.drift.psi import allowance, counts, psi
from models.drift.reference import (
    FEWEST,
    Population,
    Reference,
    reference_of,
    segment_sizes,
    squared_distances,
    take_reference,
)
from models.segment_model import SegmentModel, assign
from models.units import MICROS_PER_DAY, Floats, Ints, from_micros

WINDOW = MICROS_PER_DAY
#: Windows before the first one that counts, which the detectors learn what is usual from.
PRIMING_WINDOWS = 84
#: A shift in a distribution that is worth a look by custom, beyond what chance allows.
MODERATE_PSI = 0.1
#: For so many windows in a row. A shop that closes for eleven days at Christmas has not changed, but for 28 + 11 days
#: its recent customers have bought longer ago than they used to.
PERSISTENCE = 42
#: A challenger is kept for every so many windows.
SNAPSHOT_WINDOWS = 28
#: A day with fewer customers, or fewer sales, than this tells nothing.
FEWEST_A_DAY = 5
#: Whoever is in the shop every other day would be counted again and again, and the numbers of one day would resemble
#: those of the day before, which ADWIN takes for change.
QUIET_DAYS = 14

INCOMING = ("distance", "basket", "returns", "newcomers")


class Window(Struct, frozen=True):
    """One window of event time.

    Parameters
    ----------
    end
        Microseconds; what happens at this moment belongs to the next window.
    base
        Every customer who has ever bought, as of the end.
    fresh
        Shape (n,): rows of the base who had a transaction in the window, and had bought nothing for :data:`QUIET_DAYS`
        days before it, or never.
    sales
        What each sale of the window was worth, in currency units.
    returns, newcomers
        How many returns, and how many customers with their first purchase.
    """

    end: int
    base: Population
    fresh: Ints
    sales: Floats
    returns: int
    newcomers: int


class Measurement(Struct, frozen=True):
    """One number of a window: what it was in training, and from where on it counts as a shift, if that is known."""

    measure: str
    name: str
    value: float
    customers: int
    reference: float | None = None
    threshold: float | None = None
    alarm: bool = False


class Observed(Struct, frozen=True):
    """What there is to say of a window. ``raised`` are new alarms: a value now, and what it used to be."""

    end: int
    measurements: list[Measurement]
    raised: list[Measurement]
    challenger: SegmentModel | None


class DriftObserver:
    """Observes windows in order for one model.

    Parameters
    ----------
    begin
        Microseconds: windows that end by then only say what is usual. That is where the model's training ends, or where
        it came into force.
    """

    def __init__(self, model: SegmentModel, begin: int, delta: float = DELTA) -> None:
        self._model, self._begin = model, begin
        self._reference = reference_of(model)
        self._detectors = {measure: ChangeDetector(delta) for measure in INCOMING}
        self._persisted: dict[str, int] = {}
        self._challenger = Challenger(model)
        self._windows = 0

    @property
    def reference(self) -> Reference | None:
        """What is compared with: the model's own, or else the first window's that has one."""
        return self._reference

    def observe(self, window: Window) -> Observed | None:
        """Take the next window; None for one that ends too early to count."""
        incoming = _incoming(self._model, window)
        shifts = {name: self._detectors[name].update(value) for name, value in incoming.items()}
        if window.end <= self._begin:
            return None
        if self._reference is None:
            self._reference = take_reference(self._model, window.base)
        customers = len(window.fresh)
        measured, raised = [], []
        for name, value in incoming.items():
            shift = shifts[name]
            usual = self._detectors[name].usual if shift is None else shift.before
            measured.append(Measurement(name, "", value, customers, usual, alarm=shift is not None))
            if shift is not None:
                raised.append(Measurement(name, "", shift.after, customers, shift.before, alarm=True))
        for measurement in self._distributions(window.base):
            measured.append(measurement)
            if measurement.alarm and self._persisted[measurement.name] == PERSISTENCE:
                raised.append(measurement)
        self._windows += 1
        shadow = self._shadow(window)
        measured += self._compared(shadow, window.base)
        kept = shadow if raised or self._windows % SNAPSHOT_WINDOWS == 0 else None
        return Observed(window.end, measured, raised, kept)

    def _distributions(self, base: Population) -> Iterator[Measurement]:
        """The indices of the features and of the segments, and the share of each segment."""
        reference = self._reference
        if reference is None:
            return
        recent = base.recent
        if len(recent) >= FEWEST:
            for feature, values in recent.features.items():
                edges, before = reference.bins(feature)
                yield self._judged(feature, before, counts(values, edges), len(recent))
        sizes = segment_sizes(self._model, base)
        usual = np.array([reference.segments.get(segment, 0) for segment in sizes])
        yield self._judged("segments", usual, np.array(list(sizes.values())), len(base))
        for segment, size in sizes.items():
            was = reference.segments.get(segment, 0) / max(int(usual.sum()), 1)
            yield Measurement("share", segment, size / max(len(base), 1), len(base), was)

    def _judged(self, name: str, before: Ints, now: Ints, customers: int) -> Measurement:
        value = psi(before, now)
        threshold = MODERATE_PSI + allowance(len(before), int(before.sum()), int(now.sum()))
        self._persisted[name] = self._persisted.get(name, 0) + 1 if value > threshold else 0
        persists = self._persisted[name] >= PERSISTENCE
        return Measurement("psi", name, value, customers, threshold=threshold, alarm=persists)

    def _shadow(self, window: Window) -> SegmentModel:
        self._challenger.learn(window.base, seed=window.end // WINDOW)
        return self._challenger.model(cutoff=from_micros(window.end).isoformat())

    def _compared(self, challenger: SegmentModel, base: Population) -> Iterator[Measurement]:
        """How far the two models agree on everybody, and how well each fits everybody and those who buy these days."""
        if not len(base):
            return
        before = None if self._reference is None else self._reference.inertia
        yield Measurement("agreement", "", agreement(self._model, challenger, base), len(base))
        yield Measurement("inertia", "champion", inertia(self._model, base), len(base), before)
        yield Measurement("inertia", "challenger", inertia(challenger, base), len(base))
        recent = base.recent
        if len(recent) >= FEWEST:
            for name, model in (("champion", self._model), ("challenger", challenger)):
                yield Measurement("inertia_recent", name, inertia(model, recent), len(recent))


def agreement(one: SegmentModel, other: SegmentModel, population: Population) -> float:
    """The share of customers whom two models put in a segment of the same id."""
    first, second = (_segments(model, population) for model in (one, other))
    return float((first == second).mean())


def inertia(model: SegmentModel, population: Population) -> float:
    """Mean squared distance to the nearest centroid, in the model's own squared standard deviations."""
    return float(squared_distances(model, population).mean())


def _segments(model: SegmentModel, population: Population) -> NDArray[np.str_]:
    numbers = assign(model, population.recency, population.frequency, population.monetary)
    return np.array(list(model.index))[numbers]


def _incoming(model: SegmentModel, window: Window) -> dict[str, float]:
    """What came in, as far as there is enough of it."""
    sales, transactions = len(window.sales), len(window.sales) + window.returns
    found = {}
    if len(window.fresh) >= FEWEST_A_DAY:
        squared = squared_distances(model, window.base.where(window.fresh))
        found["distance"] = float(np.sqrt(squared).mean())
    if sales >= FEWEST_A_DAY:
        # On a log scale one huge order doesn't make a day.
        found["basket"] = float(np.expm1(np.log1p(window.sales).mean()))
        found["newcomers"] = window.newcomers / sales
        found["returns"] = window.returns / transactions
    return found
