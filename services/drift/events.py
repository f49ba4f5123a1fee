"""Drift alarms as CloudEvents."""

from typing import Any, Literal

import msgspec
from sqlalchemy import Row

from data.contract.events import Drift, DriftDetected, PredictionsCountWrong, WrongPredictions
from models.drift.observation import PREDICTIONS
from runtime.counts import many

_DAYS: dict[str, Literal[30, 90]] = {"within_30_days": 30, "within_90_days": 90}
_encode = msgspec.json.Encoder().encode


def event(alarm: Row[Any]) -> bytes:
    """Encode a row of ``drift_alarms`` as a CloudEvent."""
    if alarm.measure == PREDICTIONS:
        return _wrong_predictions(alarm)
    drift = Drift(
        model_version=alarm.model_version,
        measure=alarm.measure,
        name=alarm.name or None,
        value=alarm.value,
        reference=alarm.reference,
        threshold=alarm.threshold,
        customers=alarm.customers,
        summary=summary(alarm),
    )
    return _encode(DriftDetected(id=alarm.id, subject=alarm.model_version, time=alarm.window_end, data=drift))


def summary(alarm: Row[Any]) -> str:
    """Describe in a sentence what has changed, and by how much."""
    now, before = alarm.value, alarm.reference
    match alarm.measure:
        case "distance":
            return f"Customers are {now:.2f} standard deviations from their segment's centroid, {before:.2f} before."
        case "basket":
            by = f" ({now / before - 1:+.0%})" if before else ""
            return f"A typical sale is worth {now:,.2f}, {before:,.2f} before{by}."
        case "returns":
            return f"{100 * now:.1f} % of transactions are returns, {100 * before:.1f} % before."
        case "newcomers":
            return f"{100 * now:.1f} % of sales are first purchases, {100 * before:.1f} % before."
    if alarm.measure == PREDICTIONS:
        return _predictions(alarm)
    who = "all customers over the segments" if alarm.name == "segments" else f"recent customers by {alarm.name}"
    return (
        f"The distribution of {who} is not what the model was fitted on: "
        f"index {now:.2f}, where {alarm.threshold:.2f} begins to count."
    )


def _wrong_predictions(alarm: Row[Any]) -> bytes:
    """Encode an alarm about predictions, which is a message of its own; the shares of the row are of its customers."""
    wrong = WrongPredictions(
        model_version=alarm.model_version,
        days=_DAYS[alarm.name],
        customers=alarm.customers,
        predicted=alarm.reference * alarm.customers,
        ordered=round(alarm.value * alarm.customers),
        allowed=abs(alarm.threshold - alarm.reference) * alarm.customers,
        summary=summary(alarm),
    )
    return _encode(PredictionsCountWrong(id=alarm.id, subject=alarm.model_version, time=alarm.window_end, data=wrong))


def _predictions(alarm: Row[Any]) -> str:
    """Describe predicted and actual numbers of customers; the shares of an alarm are those of its customers."""
    customers, who = alarm.customers, many(alarm.customers, "customer")
    predicted, ordered = alarm.reference * customers, round(alarm.value * customers)
    by = f" ({alarm.value / alarm.reference - 1:+.0%})" if alarm.reference else ""
    return (
        f"Of {who}, {predicted:,.0f} were predicted to order within {_DAYS[alarm.name]} days, and "
        f"{ordered:,} did{by}: predictions count wrong, and a refit learns from what has happened."
    )
