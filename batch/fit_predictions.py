"""A rhythm model for a segment model to carry: fitted on the same orders, and checked on the quarter before."""

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from batch.dataset_frames import orders_of
from batch.fit_dataset import fit_before
from batch.fit_rhythm import fit_rhythm
from batch.order_book import OrderBook, customers_at, order_book, orders_between
from data.datasets.dataset import Dataset
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import HORIZONS, RhythmModel, p_order
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, to_micros

#: A quarter to learn from, and one to predict: with fewer days of orders, nothing shows whether predictions are right.
LEAST_DAYS = 180
QUARTER = HORIZONS[1]
#: The key of :class:`LastQuarter` in the metadata of a rhythm model.
LAST_QUARTER_KEY = "last_quarter"


class FittedPredictions(NamedTuple):
    """A rhythm model, or the reason why there is none."""

    model: RhythmModel | None
    reason: str = ""


def fit_predictions(transactions: pd.DataFrame, as_of: datetime) -> FittedPredictions:
    """Fit a rhythm model on all orders up to a moment; it never fails, but says why there is none.

    Parameters
    ----------
    transactions
        One row per invoice: ``customer_id, occurred_at, kind, amount_units``.

    Returns
    -------
    FittedPredictions
        The model's metadata has ``last_quarter``: how many customers a model that was fitted 90 days earlier predicted
        to order within these days, and how many did. It is absent if no such model can be fitted.
    """
    now = to_micros(as_of)
    book = order_book(transactions)
    ordered = book.moment[(book.is_order == 1) & (book.moment <= now)]
    days = (now - int(ordered.min())) // MICROS_PER_DAY if len(ordered) else 0
    if days < LEAST_DAYS:
        return FittedPredictions(None, f"the orders cover {days} days, and predictions need {LEAST_DAYS}")
    try:
        return FittedPredictions(fit_rhythm(book, now, metadata=_last_quarter(book, now)))
    except ValueError as error:
        return FittedPredictions(None, str(error))


def fit_with_predictions(dataset: Dataset, cutoff: datetime, k: int | None = None) -> SegmentModel:
    """The model of :func:`batch.fit_dataset.fit_before`, with a rhythm model on the same orders if one can be fitted.

    Raises
    ------
    FitError
        If there are too few customers by then.
    """
    model = fit_before(dataset, cutoff, k)
    rhythm = fit_predictions(orders_of(dataset, cutoff, MOST_CUSTOMERS), cutoff).model
    return model if rhythm is None else carrying(model, rhythm)


def _last_quarter(book: OrderBook, now: int) -> dict[str, Any]:
    """Predicted and actual customers of the last 90 days, in a dictionary of metadata."""
    begin = now - QUARTER * MICROS_PER_DAY
    try:
        model = fit_rhythm(book, begin)
    except ValueError:
        return {}
    customers = customers_at(book, begin)
    predicted = float(p_order(model, customers.histories, begin, QUARTER).sum())
    ordered = int(np.count_nonzero(orders_between(book, begin, now)[0][customers.customer]))
    numbers = {"begin": begin, "customers": len(customers.customer), "predicted": round(predicted, 1)}
    return {LAST_QUARTER_KEY: numbers | {"ordered": ordered}}
