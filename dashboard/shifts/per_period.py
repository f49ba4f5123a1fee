"""Segments per calendar period: customers at its start and end, who came and left, and revenue. Pure."""

from collections.abc import Sequence

import pandas as pd

from models.calendar import PER_YEAR, CalendarPeriod, Grain
from models.units import MONEY_UNITS

MONEY = ["orders", "revenue_units", "returned_units"]
NUMBERS = ["start", "came", "left", "net", "end", *MONEY]


def per_period(history: pd.DataFrame, revenue: pd.DataFrame, periods: Sequence[CalendarPeriod]) -> pd.DataFrame:
    """Every period and segment in one row, in the order of time.

    Parameters
    ----------
    history
        As :func:`dashboard.shared.history.daily` returns it.
    revenue
        As :func:`dashboard.shifts.revenue.daily` returns it.

    Returns
    -------
    DataFrame
        ``since`` and ``until`` of the period, ``label``, ``segment`` ("" for customers before their first one, who have
        orders only), and :data:`NUMBERS`: start + came - left = end, of all segments together as well.
    """
    segments = sorted({*history["to_segment"]} | {*revenue["segment"]})
    moved, sold = _numbered(history, periods), _numbered(revenue, periods)
    came = _summed(moved.assign(segment=moved["to_segment"]), ["changes"], len(periods), segments)["changes"]
    gone = moved[moved["from_segment"] != ""]
    left = _summed(gone.assign(segment=gone["from_segment"]), ["changes"], len(periods), segments)["changes"]
    table = _summed(sold, MONEY, len(periods), segments)
    table = table.assign(came=came, left=left, net=came - left)
    # A customer who was in a segment before the first period is in it when the first period begins.
    before = moved[moved["period"] < 0]
    opening = before.groupby("to_segment")["changes"].sum()
    opening = opening.sub(before.groupby("from_segment")["changes"].sum(), fill_value=0)
    at_start = opening.reindex(table.index.get_level_values("segment")).fillna(0).astype("int64").to_numpy()
    table["end"] = table.groupby("segment")["net"].cumsum() + at_start
    table["start"] = table["end"] - table["net"]
    rows = table.reset_index()
    for name in ("since", "until", "label"):
        values = pd.Series([getattr(period, name) for period in periods])
        rows[name] = values[rows["period"]].array
    return rows[["since", "until", "label", "segment", *NUMBERS]]


def _numbered(days: pd.DataFrame, periods: Sequence[CalendarPeriod]) -> pd.DataFrame:
    """The rows with the number of the period that each day is in."""
    begins = pd.DatetimeIndex([period.since for period in periods]).as_unit("us")
    return days.assign(period=begins.searchsorted(pd.DatetimeIndex(days["day"]).as_unit("us"), side="right") - 1)


def _summed(rows: pd.DataFrame, columns: list[str], periods: int, segments: list[str]) -> pd.DataFrame:
    """Sums by period and segment, 0 where there is none."""
    every = pd.MultiIndex.from_product([range(periods), segments], names=["period", "segment"])
    sums: pd.DataFrame = rows.groupby(["period", "segment"])[columns].sum()
    return sums.reindex(every, fill_value=0).astype("int64")


def of_segment(table: pd.DataFrame, segment: str | None, grain: Grain) -> pd.DataFrame:
    """One row per period of a segment, or of all together (None), with comparisons.

    ``revenue`` is net of returns, in ten-thousandths. ``net_before`` and ``revenue_before`` are those of the period
    before, ``net_year`` and ``revenue_year`` those of the period a year before; missing where the table has no such
    period.
    """
    some = table if segment is None else table[table["segment"] == segment]
    rows = some.groupby(["since", "until", "label"], as_index=False, sort=False)[NUMBERS].sum()
    rows["revenue"] = rows["revenue_units"] - rows["returned_units"]
    for name, back in (("before", 1), ("year", PER_YEAR[grain])):
        for column in ("net", "revenue"):
            rows[f"{column}_{name}"] = rows[column].shift(back).astype("Int64")
    return rows


def revenue_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Net revenue in currency units: a row for each period (its label), a column for each segment."""
    net = (table["revenue_units"] - table["returned_units"]) / MONEY_UNITS
    matrix = table.assign(net=net).pivot_table(index="since", columns="segment", values="net", aggfunc="sum")
    return matrix.set_axis(table.drop_duplicates("since").sort_values("since")["label"].tolist(), axis=0)
