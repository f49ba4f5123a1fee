"""Calendar months: all months of a dataset, and those that the dataset covers only in part."""

import pandas as pd

from data.datasets.dataset import Dataset

_SLACK = pd.Timedelta(days=3)  # a shop may be closed for a long weekend

#: SQL for the first midnight of the month of a transaction, without time zone.
MONTH = "date_trunc('month', make_timestamp(occurred_at))"


def all_months(dataset: Dataset) -> pd.DatetimeIndex:
    """The first midnights of all months from the first to the last transaction, including months without data."""
    first, last = _span(dataset)
    months = pd.date_range(_start(first), _start(last), freq="MS", name="month")
    return months.as_unit("us")


def cut_months(dataset: Dataset) -> set[pd.Timestamp]:
    """The first or last month, if the data starts after its beginning or stops before its end."""
    first, last = _span(dataset)
    months = all_months(dataset)
    cut: set[pd.Timestamp] = set()
    if first - months[0] > _SLACK:
        cut.add(months[0])
    if months[-1] + pd.offsets.MonthBegin(1) - last > _SLACK:
        cut.add(months[-1])
    return cut


def _span(dataset: Dataset) -> tuple[pd.Timestamp, pd.Timestamp]:
    first, last = (pd.Timestamp(moment).tz_localize(None) for moment in (dataset.report.first, dataset.report.last))
    return first, last


def _start(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.to_period("M").to_timestamp()
