"""Every customer's state at a past moment of event time, and one customer's.

:mod:`data.postgres.past_moments` says what a past moment is, and reads customers as they were.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from data.postgres.expressions import micros
from data.postgres.frames import MOMENT, AnySelect, copied, money_units
from data.postgres.past_moments import (
    ALL_IDS,
    WORK_MEM,
    IdConditions,
    Windows,
    models_at,
    past_customers,
    require_rescored,
    windows_at,
)
from models.scoring import net_or_gross_of_each
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, Ints, from_micros, to_micros

Models = Mapping[str, SegmentModel]
_SEGMENTS = {"segment": "category", "previous_segment": "category"}
#: The totals of all orders. A column of the same name with ``counted_`` before it says what the model of the moment
#: counts.
TOTALS = ("frequency", "gross_units", "returned_units")
_MOMENTS = ("segment_since", "first_purchase_at", "last_purchase_at", "counts_from")


class PastState(NamedTuple):
    """One customer at a past moment: the fields of :func:`past_states`, money in ten-thousandths.

    ``counts_from`` is the moment from which recency counts; None in no segment and without a purchase.
    """

    customer_id: str
    country: str
    segment: str | None
    segment_since: datetime | None
    model_version: str | None
    counts_from: datetime | None
    recency_days: int | None
    frequency: int
    gross_units: int
    returned_units: int
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    counted_frequency: int
    counted_gross_units: int
    counted_returned_units: int


def past_states(connection: Connection, moment: datetime) -> pd.DataFrame:
    """The state of every customer whom the stream knew at an answerable moment.

    Returns
    -------
    DataFrame
        A row for each customer with an order or a segment by then, in the order of ids: ``customer_id, country`` (the
        present one), ``partition, segment, previous_segment`` (both None in no segment), ``segment_since,
        model_version`` (the model active at the moment; None without one), ``recency_days`` (missing without a purchase
        or a segment), ``frequency, gross_units, returned_units`` (ten-thousandths), ``first_purchase_at,
        last_purchase_at, counts_from``: the moment from which recency counts. ``counted_frequency, counted_gross_units,
        counted_returned_units``: what the model active at the moment counts, all or what was in its window.

    Raises
    ------
    PastError
        If a model was activated by then for which not all customers are rescored yet.
    """
    active = models_at(connection, moment)
    require_rescored(connection, moment)
    # With less, Postgres reads both big tables in the order of customers, which takes twice as long.
    connection.execute(select(func.set_config("work_mem", WORK_MEM, True)))
    windows = windows_at(connection, active)
    query = _states(moment, ALL_IDS.has, windows)
    rows = copied(connection, query, {"customer_id": "str", "country": "category", **_SEGMENTS})
    for name in TOTALS if not windows else ():
        rows[f"counted_{name}"] = rows[name]
    for name in _MOMENTS:
        rows[name] = pd.to_datetime(rows[name], unit="us", utc=True).astype(MOMENT)
    for name in ("segment", "previous_segment"):
        rows[name] = rows[name].astype("object").where(rows[name] != "", None)
    rows["model_version"] = rows["partition"].map(active).astype("object").where(lambda column: column.notna(), None)
    rows.insert(6, "recency_days", _days(rows["counts_from"], moment))
    return rows


def past_state(connection: Connection, moment: datetime, customer_id: str) -> PastState | None:
    """One customer at a moment that is answerable for them; None if the stream did not know them by then.

    Raises
    ------
    PastError
        If a model was activated by then for which the customer is not rescored yet.
    """
    require_rescored(connection, moment, customer_id)
    active = models_at(connection, moment)
    windows = windows_at(connection, active)
    row = connection.execute(_states(moment, lambda ids: [ids == customer_id], windows)).one_or_none()
    if row is None:
        return None
    counted = (getattr(row, f"counted_{name}" if windows else name) for name in TOTALS)
    times = (getattr(row, name) for name in _MOMENTS)
    since, first, last, counts_from = (None if at is None else from_micros(at) for at in times)
    return PastState(
        customer_id=row.customer_id,
        country=row.country,
        segment=row.segment,
        segment_since=since,
        model_version=active.get(row.partition),
        counts_from=counts_from,
        recency_days=None if counts_from is None else (moment - counts_from).days,
        frequency=row.frequency,
        gross_units=row.gross_units,
        returned_units=row.returned_units,
        first_purchase_at=first,
        last_purchase_at=last,
        **dict(zip((f"counted_{name}" for name in TOTALS), counted, strict=True)),
    )


def monetary_units(states: pd.DataFrame, models: Models) -> Ints:
    """M of :func:`past_states` in ten-thousandths, as the model of the moment counts it; net without a model."""
    names = ("counted_gross_units", "counted_returned_units")
    gross, returned = (states[name].to_numpy(dtype=np.int64) for name in names)
    is_gross = states["model_version"].map({version: model.monetary == "gross" for version, model in models.items()})
    return net_or_gross_of_each(is_gross.fillna(False).to_numpy(dtype=bool), gross, returned)


def _states(moment: datetime, conditions: IdConditions, windows: Windows) -> AnySelect:
    """Customers as they were, in the order of ids: moments in microseconds, and money in ten-thousandths."""
    then = past_customers(moment, conditions, windows).c
    texts = (then.customer_id, then.country, then.partition, then.segment, then.previous_segment)
    since, *others = (micros(then[name]).label(name) for name in _MOMENTS)
    counted = [then.counted_frequency, *_units(then, "counted_gross", "counted_returned")] if windows else []
    units = _units(then, "gross", "returned")
    return select(*texts, since, then.frequency, *units, *others, *counted).order_by(then.customer_id)


def _units(then: Any, *names: str) -> list[Any]:
    return [money_units(then[name]).label(f"{name}_units") for name in names]


def _days(since: "pd.Series[Any]", moment: datetime) -> "pd.Series[Any]":
    """Whole days from each moment to this one; missing where there is none."""
    begins = since.astype("int64").where(since.notna())
    return pd.Series(np.floor_divide(to_micros(moment) - begins, MICROS_PER_DAY), since.index).astype("Int64")
