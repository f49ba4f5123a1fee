"""The filters of an audience as of a past day, on all customers at that moment. Pure.

:mod:`data.postgres.audience_filters` has the same as conditions of queries, which would read the ledger for each
definition anew.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from data.postgres.customer_columns import Coded, CustomerColumns, Ids, Stays
from models.audience import AudienceDefinition, Range
from models.rhythm.histories import Histories
from models.rhythm.seasonal_clock import NEVER
from models.scoring import net_spend
from models.segment_model import NO_SEGMENT
from models.units import MONEY_UNITS, Bools, Ints


def passing(states: pd.DataFrame, definition: AudienceDefinition, movers: "pd.Series[str] | None") -> Bools:
    """Who passes all filters but those on risk states and money at stake.

    Parameters
    ----------
    states
        The n customers who were in a segment, as :func:`data.postgres.past_states.past_states` returns them.
    movers
        Who had moved as the definition asks for; None if it does not ask.

    Returns
    -------
    Bools
        Shape (n,).
    """
    inside: Bools = np.ones(len(states), dtype=bool)
    if definition.segments:
        inside &= states["segment"].isin(definition.segments).to_numpy()
    if definition.countries:
        inside &= states["country"].isin(definition.countries).to_numpy()
    inside &= _within(_ints(states["recency_days"]), definition.recency_days)
    inside &= _within(_ints(states["frequency"]), definition.frequency)
    inside &= _within(_net_units(states), definition.net_spend, MONEY_UNITS)
    if movers is not None:
        inside &= states["customer_id"].isin(movers).to_numpy()
    return inside


def customers_and_stays(states: pd.DataFrame) -> tuple[CustomerColumns, Stays]:
    """The same customers as arrays; their next changes are not looked for."""
    first, last = (states[name].fillna(states["counts_from"]) for name in ("first_purchase_at", "last_purchase_at"))
    customers = CustomerColumns(
        customer_id=Ids.from_texts(states["customer_id"].tolist()),
        country=_coded(states["country"]),
        segment=_coded(states["segment"]),
        histories=Histories(_micros(first), _micros(last), _ints(states["frequency"])),
        spent=_net_units(states) / MONEY_UNITS,
        next_change_at=np.full(len(states), NEVER),
        next_segment=Coded(np.full(len(states), NO_SEGMENT), ()),
    )
    before = Ids.from_texts(states["previous_segment"].fillna("").tolist())
    return customers, Stays(_ints(states["recency_days"]), _micros(states["segment_since"]), before)


def _within(numbers: Ints, wanted: Range, scale: int = 1) -> Bools:
    """Which whole numbers are in a range, whose ends are in units that are ``scale`` times larger."""
    inside: Bools = np.ones(len(numbers), dtype=bool)
    if wanted.least is not None:
        inside &= numbers >= math.ceil(wanted.least * scale)
    if wanted.most is not None:
        inside &= numbers <= math.floor(wanted.most * scale)
    return inside


def _net_units(states: pd.DataFrame) -> Ints:
    """Everything spent minus all returns, in ten-thousandths."""
    return net_spend(_ints(states["gross_units"]), _ints(states["returned_units"]))


def _coded(column: "pd.Series[Any]") -> Coded:
    found = column.astype("category").cat
    return Coded(_ints(found.codes), tuple(found.categories))


def _micros(moments: "pd.Series[Any]") -> Ints:
    return _ints(moments.astype("int64"))


def _ints(column: "pd.Series[Any]") -> Ints:
    found: Ints = column.to_numpy(dtype=np.int64)
    return found
