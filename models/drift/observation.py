"""Drift observation: measure each day of event time against a model, and raise an alarm when the data has changed.

Each day is measured in these ways:

- **Incoming transactions**: the mean distance to the nearest centroid of customers who return after a pause, the mean
  value of a sale, the share of returns, the share of first purchases. R, F and M accumulate over a customer's lifetime
  and move slowly; incoming transactions show a shift within weeks. ADWIN monitors each of these four series.
- **Distributions**: the population stability index of R, F and M of recent customers, and of the segments of all
  customers, against the model's training.
- **Alternatives**: a challenger that follows the customers of today, and its agreement with the champion.
- **Predictions**, if the model carries a rhythm model: how many customers, as they were 30 and 90 days ago, were
  predicted to order since, and how many did.

An observer is a pure fold over days, without clock or I/O: the same days give the same numbers, so an observer
that loses its state rebuilds it from the ledger. docs/drift.md has the evidence for the constants below
(benchmarks/drift_evidence.py).
"""

from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct

from models.drift.adwin import DELTA, StandardisedAdwin
from models.drift.challenger import Challenger
from models.drift.psi import allowance, counts, psi
from models.drift.reference import (
    MIN_RECENT,
    Nearest,
    Population,
    Reference,
    clustered,
    nearest_centroids,
    reference_of,
    segment_sizes,
    take_reference,
)
from models.rhythm.carried import keeping, rhythm_of
from models.rhythm.checked_model import has_seen
from models.rhythm.prediction_check import PastCustomers, check_number
from models.rhythm.rhythm_model import p_order
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, Floats, Ints, from_micros

WINDOW = MICROS_PER_DAY
#: Windows before the first observed one, from which the detectors learn the usual mean and scale. Twelve weeks, more
#: than the warm-up of 60 values, so that days without enough sales do not delay the first alarm.
PRIMING_WINDOWS = 84
#: The conventional threshold for a moderate shift (Siddiqi 2006); an alarm needs more than this and what chance allows.
MODERATE_PSI = 0.1
#: Number of consecutive days above the threshold before an alarm. After a shop has closed for eleven days, its
#: recent customers look different for 28 + 11 = 39 days; six weeks is the next whole number of weeks (docs/drift.md).
PERSISTENCE = 42
#: Every this many days, a snapshot of the challenger is kept; by judgement (docs/drift.md).
SNAPSHOT_WINDOWS = 28
#: A mean or share of fewer customers or sales than this is not computed; by judgement (docs/drift.md).
MIN_PER_WINDOW = 5
#: Customers count as incoming only after a pause of this many days. Customers who buy every other day would make the
#: values of consecutive days similar, and ADWIN mistakes such correlation for change (docs/drift.md).
PAUSE_DAYS = 14

#: Number of consecutive days on which predictions count wrong before an alarm: a week, so that no single busy or
#: quiet day raises one; by judgement (docs/drift.md).
WRONG_WINDOWS = 7

PREDICTIONS = "predictions"
INCOMING = ("distance", "basket", "returns", "newcomers")


class ObservedDay(Struct, frozen=True):
    """One observed day of event time.

    Parameters
    ----------
    end
        Microseconds, exclusive: a transaction at this moment is on the next day.
    base
        All customers who have ever bought, as of the end; under a model with a window, frequency and monetary value are
        those in it.
    arrivals
        Shape (n,): rows of the base with a transaction on the day and no purchase in the :data:`PAUSE_DAYS` days
        before it.
    sales
        Shape (m,): the amount of each sale on the day, in currency units.
    returns, newcomers
        Number of returns, and of customers with their first purchase.
    past
        By days: the customers who had ordered this long before the end, and whether each has ordered since. Empty if
        the model carries no rhythm model.
    """

    end: int
    base: Population
    arrivals: Ints
    sales: Floats
    returns: int
    newcomers: int
    past: Mapping[int, PastCustomers] = {}


class Measurement(Struct, frozen=True):
    """One number of an observed day.

    Parameters
    ----------
    measure, name
        Which number; ``name`` is a feature, a segment id or a model, or empty.
    customers
        How many customers it was computed from.
    reference
        The usual value, from training or from before a shift, or the predicted one; None if it is not known.
    threshold
        Where values above are suspicious, or values below if it is below the reference; None if a detector decides.
    """

    measure: str
    name: str
    value: float
    customers: int
    reference: float | None = None
    threshold: float | None = None
    alarm: bool = False


class Observation(Struct, frozen=True):
    """All measurements of an observed day.

    Parameters
    ----------
    end
        End of the day, in microseconds.
    raised
        New alarms; ``value`` is the value after the shift, ``reference`` the value before.
    challenger
        A snapshot, on every alarm and every :data:`SNAPSHOT_WINDOWS` days.
    """

    end: int
    measurements: list[Measurement]
    raised: list[Measurement]
    challenger: SegmentModel | None


class DriftObserver:
    """Observes days in order for one model.

    Parameters
    ----------
    begin
        Microseconds: the end of the model's training or its activation. Windows that end by then only train the
        detectors.
    """

    def __init__(self, model: SegmentModel, begin: int, delta: float = DELTA) -> None:
        self._model, self._begin = model, begin
        self._rhythm = rhythm_of(model)
        self._reference = reference_of(model)
        self._detectors = {measure: StandardisedAdwin(delta) for measure in INCOMING}
        self._persistence: dict[str, int] = {}
        self._challenger = Challenger(model)
        self._windows = 0

    @property
    def reference(self) -> Reference | None:
        """The model's own reference, or else that of the first day with enough customers."""
        return self._reference

    def observe(self, window: ObservedDay) -> Observation | None:
        """Measure the next day; None if it ends at ``begin`` or before."""
        incoming = _incoming(self._model, window)
        shifts = {name: self._detectors[name].update(value) for name, value in incoming.items()}
        if window.end <= self._begin:
            return None
        if self._reference is None:
            self._reference = take_reference(self._model, window.base)
        customers = len(window.arrivals)
        measured, raised = [], []
        for name, value in incoming.items():
            shift = shifts[name]
            usual = self._detectors[name].mean if shift is None else shift.before
            measured.append(Measurement(name, "", value, customers, usual, alarm=shift is not None))
            if shift is not None:
                raised.append(Measurement(name, "", shift.after, customers, shift.before, alarm=True))
        decided = clustered(self._model, window.base)
        nearest = nearest_centroids(self._model, decided)
        for measurement in self._distributions(window.base, decided.recent, nearest):
            measured.append(measurement)
            if measurement.alarm and self._persistence[measurement.name] == PERSISTENCE:
                raised.append(measurement)
        for measurement in self._predictions(window):
            measured.append(measurement)
            if measurement.alarm and self._persistence[measurement.name] == WRONG_WINDOWS:
                raised.append(measurement)
        self._windows += 1
        challenger = self._learn(window)
        measured += self._comparisons(challenger, decided, nearest)
        kept = challenger if raised or self._windows % SNAPSHOT_WINDOWS == 0 else None
        return Observation(window.end, measured, raised, kept)

    def _distributions(self, base: Population, recent: Population, nearest: Nearest) -> Iterator[Measurement]:
        """Stability indices of the features and the segments, and the share of each segment."""
        reference = self._reference
        if reference is None:
            return
        if len(recent) >= MIN_RECENT:
            for feature, values in recent.features.items():
                edges, before = reference.bins(feature)
                yield self._stability(feature, before, counts(values, edges), len(recent))
        sizes = segment_sizes(self._model, nearest, len(base))
        usual = np.array([reference.segments.get(segment, 0) for segment in sizes])
        yield self._stability("segments", usual, np.array(list(sizes.values())), len(base))
        for segment, size in sizes.items():
            usual_share = reference.segments.get(segment, 0) / max(int(usual.sum()), 1)
            yield Measurement("share", segment, size / max(len(base), 1), len(base), usual_share)

    def _stability(self, name: str, before: Ints, now: Ints, customers: int) -> Measurement:
        value = psi(before, now)
        threshold = MODERATE_PSI + allowance(len(before), int(before.sum()), int(now.sum()))
        self._persistence[name] = self._persistence.get(name, 0) + 1 if value > threshold else 0
        persists = self._persistence[name] >= PERSISTENCE
        return Measurement("psi", name, value, customers, threshold=threshold, alarm=persists)

    def _predictions(self, window: ObservedDay) -> Iterator[Measurement]:
        """Shares of customers who ordered, beside the predicted ones, within days that began under the model."""
        for days, past in window.past.items():
            begin, customers = window.end - days * MICROS_PER_DAY, len(past.ordered)
            if self._rhythm is None or begin < self._begin or has_seen(self._rhythm, begin) or not customers:
                continue
            found = check_number(p_order(self._rhythm, past.histories, begin, days), past.ordered)
            name = f"within_{days}_days"
            self._persistence[name] = self._persistence.get(name, 0) + 1 if found.is_wrong else 0
            yield Measurement(
                PREDICTIONS,
                name,
                found.ordered / customers,
                customers,
                found.predicted / customers,
                found.edge / customers,
                self._persistence[name] >= WRONG_WINDOWS,
            )

    def _learn(self, window: ObservedDay) -> SegmentModel:
        self._challenger.learn(window.base, seed=window.end // WINDOW)
        return keeping(self._challenger.model(cutoff=from_micros(window.end).isoformat()), self._model)

    def _comparisons(self, challenger: SegmentModel, decided: Population, nearest: Nearest) -> Iterator[Measurement]:
        """Agreement of the two models, and how well each one fits all customers and recent customers.

        Parameters
        ----------
        decided, nearest
            The customers whom a distance decides, and the champion's nearest centroid of each.
        """
        customers = len(decided)
        if not customers:
            return
        before = None if self._reference is None else self._reference.inertia
        other = nearest_centroids(challenger, decided)
        yield Measurement("agreement", "", agreement(self._model, nearest, challenger, other), customers)
        yield Measurement("inertia", "champion", float(nearest.squares.mean()), customers, before)
        yield Measurement("inertia", "challenger", float(other.squares.mean()), customers)
        recent = decided.is_recent
        count = int(np.count_nonzero(recent))
        if count >= MIN_RECENT:
            for name, squares in (("champion", nearest.squares), ("challenger", other.squares)):
                yield Measurement("inertia_recent", name, float(squares[recent].mean()), count)


def agreement(one: SegmentModel, first: Nearest, other: SegmentModel, second: Nearest) -> float:
    """Share of customers that two models assign to a segment with the same id, from 0 to 1."""
    same = np.array([one.index.get(segment, -1) for segment in other.index])
    return float((first.numbers == same[second.numbers]).mean())


def _incoming(model: SegmentModel, window: ObservedDay) -> dict[str, float]:
    """Means and shares of incoming transactions; those of too few customers or sales are left out."""
    sales, transactions = len(window.sales), len(window.sales) + window.returns
    found = {}
    arrivals = clustered(model, window.base.where(window.arrivals))
    if len(arrivals) >= MIN_PER_WINDOW:
        found["distance"] = float(np.sqrt(nearest_centroids(model, arrivals).squares).mean())
    if sales >= MIN_PER_WINDOW:
        # A geometric mean, because one huge order would dominate the arithmetic mean of a day.
        found["basket"] = float(np.expm1(np.log1p(window.sales).mean()))
        found["newcomers"] = window.newcomers / sales
        found["returns"] = window.returns / transactions
    return found
