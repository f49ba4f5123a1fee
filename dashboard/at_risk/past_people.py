"""All customers who had ordered by a past day, as the page "At risk" needs them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from dashboard.shared.past import TIMEOUT_MS, Past
from dashboard.shared.personas import Personas
from dashboard.shared.reading import patient
from dashboard.shared.risk_list import RiskList, risk_list
from data.postgres.customer_columns import Coded, CustomerColumns, Ids
from data.postgres.orders_in_a_window import orders_in_a_window
from data.postgres.past_moments import SOME_PARTITIONS_ONLY, PastError
from models.decay import NEVER
from models.published_outlook import PublishedOutlook, published_outlook
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel
from models.scoring import net_spend
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import MONEY_UNITS, Bools, Ints, to_micros
from runtime.counts import many
from stream_app.core.columns import NO_RECORD
from stream_app.core.counted import CountedTransactions
from stream_app.core.outlook_in_a_window import outlook_in_a_window


@dataclass(frozen=True, eq=False)
class PastPeople:
    """All customers who had ordered, in the order of their ids.

    Parameters
    ----------
    past
        What they are made from, which keeps what is computed of them.
    model
        The one that was active.
    fits
        Shape (n,): whether the published segment follows from R, F and M as they are known now. The others, of whom
        orders came late or were revised, have no next change.
    """

    past: Past
    customers: CustomerColumns
    model: SegmentModel
    known: Personas
    fits: Bools

    @property
    def at(self) -> datetime:
        """The moment."""
        return self.past.at

    @property
    def unsettled(self) -> int:
        """How many have no next change, because it is not known."""
        return int((~self.fits).sum())


def read(past: Past, connection: Connection) -> PastPeople:
    """All customers who had ordered by the moment, computed once.

    Under a model with a window, the orders that were in it are read over the connection.

    Raises
    ------
    PastError
        If not exactly one model was active on all partitions.
    """
    if PastPeople not in past.derived:
        past.derived[PastPeople] = _read(past, connection)
    found: PastPeople = past.derived[PastPeople]
    return found


def at_risk(found: PastPeople, rhythm: RhythmModel) -> RiskList:
    """All of them by money at stake, computed once."""
    key = (RiskList, rhythm.version)
    if key not in found.past.derived:
        found.past.derived[key] = risk_list(found.customers, rhythm, found.at, found.fits)
    answer: RiskList = found.past.derived[key]
    return answer


def unsettled(number: int) -> str:
    """What is not shown of customers whose segment does not follow from their numbers."""
    return (
        f"Orders of {many(number, 'customer')} came late or were revised, so that the segment published then does not "
        "follow from the numbers as they are known now: their next move is not shown."
    )


def _read(past: Past, connection: Connection) -> PastPeople:
    states = past.states[past.states["frequency"] > 0].reset_index(drop=True)
    model = _model(past, states)
    segment = _numbers(states, model)
    first, last, counts_from = (
        _micros(states[name]) for name in ("first_purchase_at", "last_purchase_at", "counts_from")
    )
    gross, returned, frequency = (_ints(states[name]) for name in ("gross_units", "returned_units", "frequency"))
    # A customer in no segment of this model is in none that follows; any number stands for it meanwhile.
    inside = segment != NO_SEGMENT
    ahead = _outlook(past.at, connection, states, model, np.where(inside, segment, 0), counts_from)
    fits = ahead.fits & inside
    country = states["country"].astype("category").cat
    published = states["segment"].astype("category").cat
    customers = CustomerColumns(
        customer_id=Ids.from_texts(states["customer_id"].tolist()),
        country=Coded(_ints(country.codes), tuple(country.categories)),
        segment=Coded(_ints(published.codes), tuple(published.categories)),
        histories=Histories(first, last, frequency),
        spent=net_spend(gross, returned) / MONEY_UNITS,
        next_change_at=np.where(fits, ahead.next_change_at, NEVER),
        next_segment=Coded(
            np.where(fits, ahead.next_segment, NO_SEGMENT), tuple(segment.id for segment in model.segments)
        ),
    )
    return PastPeople(past, customers, model, past.known, fits)


def _outlook(
    at: datetime, connection: Connection, states: pd.DataFrame, model: SegmentModel, segment: Ints, counts_from: Ints
) -> PublishedOutlook:
    if model.window_days is None:
        counted = (_ints(states[f"counted_{name}"]) for name in ("frequency", "gross_units", "returned_units"))
        return published_outlook(model, segment, counts_from, to_micros(at), *counted)
    with patient(connection, TIMEOUT_MS):
        orders = orders_in_a_window(connection, at, model.window_days, states["customer_id"].tolist())
    customer, moment, is_sale, amount = (
        _ints(orders[name]) for name in ("customer", "occurred_at", "is_sale", "amount_units")
    )
    each, record = np.ones_like(customer), np.full_like(customer, NO_RECORD)
    counts = CountedTransactions.of(model.window_days, customer, record, moment, each, is_sale, amount)
    return outlook_in_a_window(model, segment, counts_from, to_micros(at), counts)


def _model(past: Past, states: pd.DataFrame) -> SegmentModel:
    versions = states["model_version"].drop_duplicates().tolist()
    if not versions or versions == [None]:
        raise PastError("there was no model yet, or no customer had ordered")
    if len(versions) > 1:
        raise PastError(SOME_PARTITIONS_ONLY)
    return past.models[versions[0]]


def _numbers(states: pd.DataFrame, model: SegmentModel) -> Ints:
    """The number of each published segment in the model; ``NO_SEGMENT`` if it has none such."""
    numbers = states["segment"].map(model.index)
    return _ints(numbers.fillna(NO_SEGMENT))


def _micros(moments: "pd.Series[pd.Timestamp]") -> Ints:
    return _ints(moments.astype("int64"))


def _ints(column: "pd.Series[Any]") -> Ints:
    found: Ints = column.to_numpy(dtype=np.int64)
    return found
