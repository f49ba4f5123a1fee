"""The record of a fitted rhythm: an immutable, versioned value that says what customers will do next."""

import hashlib
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.histories import Histories, observed
from models.rhythm.next_order import expected_orders, expected_orders_if_alive, p_order_within, wait_quantile
from models.rhythm.risk import Milestones, due_moments, milestones
from models.rhythm.seasonal_clock import SeasonalClock
from models.rhythm.spending import Spending, expected_amount
from models.units import MICROS_PER_DAY, Floats, Ints

#: The days ahead for which probabilities are calibrated.
HORIZONS = (30, 90)
DAYS_OF_A_YEAR = 365
#: The key, in the metadata, of the moment up to which a model has seen orders, in microseconds.
FITTED_AT = "fitted_at"


class RhythmError(ValueError):
    """A rhythm model that cannot be used; the message says why."""


class Calibrations(Struct, frozen=True):
    """How predictions were corrected by comparison with what happened in calibration periods.

    Parameters
    ----------
    within_30_days, within_90_days
        Of the probability to order.
    orders
        A factor on expected numbers of orders.
    """

    within_30_days: Calibration
    within_90_days: Calibration
    orders: float


class RhythmModel(Struct, frozen=True):
    """A rhythm model; :func:`build_rhythm` makes one, and :func:`rhythm_from_json` reads one.

    Parameters
    ----------
    version
        A digest of all other fields but ``metadata``.
    lost_below
        Customers are presumed lost when the calibrated P(orders within 90 days of the average season) falls to this.
    metadata
        Where the model comes from; no effect on predictions.
    """

    version: str
    buying: Buying
    clock: SeasonalClock
    spending: Spending
    calibrations: Calibrations
    lost_below: float
    metadata: dict[str, Any] = {}


class NextOrder(NamedTuple):
    """Moments in microseconds, each of shape (n,), for customers who do order again."""

    early_80: Ints
    early_50: Ints
    expected: Ints
    late_50: Ints
    late_80: Ints


def build_rhythm(
    buying: Buying,
    clock: SeasonalClock,
    spending: Spending,
    calibrations: Calibrations,
    lost_below: float,
    metadata: dict[str, Any] | None = None,
) -> RhythmModel:
    """Make a model with the digest of its definition as its version.

    Raises
    ------
    RhythmError
        If its numbers do not form a valid model.
    """
    draft = RhythmModel("", buying, clock, spending, calibrations, lost_below, metadata or {})
    return _checked(msgspec.structs.replace(draft, version=_digest(draft)))


def rhythm_from_json(text: bytes | str) -> RhythmModel:
    """Read a model and check it.

    Raises
    ------
    RhythmError
        If the text is no rhythm model, or its version is not the digest of its definition.
    """
    try:
        return _checked(msgspec.json.decode(text, type=RhythmModel))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RhythmError(f"not a rhythm model: {error}") from error


def rhythm_to_json(model: RhythmModel) -> bytes:
    """The model as JSON; :func:`rhythm_from_json` reads it back to an equal value."""
    return msgspec.json.encode(model)


def p_order(model: RhythmModel, histories: Histories, now: int, days: int) -> Floats:
    """The calibrated probability that each customer orders within the next 30 or 90 days, shape (n,).

    Raises
    ------
    ValueError
        If the model is not calibrated for this many days.
    """
    if days not in HORIZONS:
        raise ValueError(f"probabilities are calibrated for {HORIZONS[0]} and {HORIZONS[1]} days, not for {days}")
    corrections = model.calibrations
    calibration = corrections.within_30_days if days == HORIZONS[0] else corrections.within_90_days
    seen = observed(histories, model.clock, now)
    return calibration.applied(p_order_within(model.buying, seen, _ahead(model, now, days)))


def next_order(model: RhythmModel, histories: Histories, now: int) -> NextOrder:
    """When each customer orders next, if ever: the median, and the intervals that have 50 and 80 % of such orders."""
    seen = observed(histories, model.clock, now)
    begin = np.full(len(histories.orders), now, dtype=np.int64)
    shares = (0.1, 0.25, 0.5, 0.75, 0.9)
    return NextOrder(*(model.clock.after(begin, wait_quantile(model.buying, seen, share)) for share in shares))


def expected_spend(
    model: RhythmModel, histories: Histories, spent: Floats, now: int, days: int = DAYS_OF_A_YEAR
) -> Floats:
    """What each customer is expected to spend within the next days, in currency units, shape (n,).

    Parameters
    ----------
    spent
        What the customer has spent so far, net of returns, in currency units; a debt counts as 0.
    """
    seen = observed(histories, model.clock, now)
    return expected_orders(model.buying, seen, _ahead(model, now, days)) * _per_order(model, histories, spent)


def spend_as_customer(
    model: RhythmModel, histories: Histories, spent: Floats, now: int, days: int = DAYS_OF_A_YEAR
) -> Floats:
    """What each customer would spend within the next days if they are alive now: :func:`expected_spend` by P(alive)."""
    seen = observed(histories, model.clock, now)
    return expected_orders_if_alive(model.buying, seen, _ahead(model, now, days)) * _per_order(model, histories, spent)


def risk_moments(model: RhythmModel, histories: Histories) -> Milestones:
    """The moments at which each customer is due, overdue and presumed lost."""
    border = model.calibrations.within_90_days.undone(np.array([model.lost_below]))
    return milestones(model.buying, model.clock, histories, float(border[0]))


def first_risk_moment(model: RhythmModel, histories: Histories) -> Ints:
    """The moment at which each customer is due: :func:`risk_moments` without the two that are costly."""
    return due_moments(model.buying, model.clock, histories)


def _per_order(model: RhythmModel, histories: Histories, spent: Floats) -> Floats:
    """What one expected order comes to, with the correction of expected orders."""
    amount = expected_amount(model.spending, histories.orders.astype(np.float64), np.maximum(spent, 0.0))
    return np.asarray(model.calibrations.orders * amount)


def _ahead(model: RhythmModel, now: int, days: int) -> float:
    """The next days on the model's clock: more than ``days`` before a busy season."""
    return float(model.clock.between(np.array([now]), np.array([now + days * MICROS_PER_DAY]))[0])


def _digest(model: RhythmModel) -> str:
    definition = (model.buying, model.clock, model.spending, model.calibrations, model.lost_below)
    return f"rhythm-{hashlib.sha256(msgspec.json.encode(definition)).hexdigest()[:12]}"


def _checked(model: RhythmModel) -> RhythmModel:
    if not 0 < model.lost_below < 1:
        raise RhythmError("lost_below must be a probability between 0 and 1")
    if not (np.isfinite(model.calibrations.orders) and model.calibrations.orders > 0):
        raise RhythmError("the factor on orders must be above 0")
    if model.spending.q <= 1:
        raise RhythmError("what orders come to varies so much that it has no mean: q must be above 1")
    if model.version != _digest(model):
        raise RhythmError(f"version {model.version} does not match the content ({_digest(model)}): was it edited?")
    return model
