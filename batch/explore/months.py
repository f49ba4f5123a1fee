"""Calendar months: the month of a time, and months that the data covers only in part."""

import pandas as pd

_SLACK = pd.Timedelta(days=3)  # a shop may be closed for a long weekend


def month_of(moments: pd.Series) -> pd.Series:
    """The first midnight of the month of each time, without time zone."""
    months: pd.Series = moments.dt.tz_localize(None).dt.to_period("M").dt.to_timestamp()
    return months


def all_months(moments: pd.Series) -> pd.DatetimeIndex:
    """All months from the first to the last, including months without data."""
    months = month_of(moments)
    return pd.date_range(months.min(), months.max(), freq="MS", name="month")


def cut_months(moments: pd.Series) -> set[pd.Timestamp]:
    """The first or last month, if the data starts after its beginning or stops before its end."""
    first, last = moments.min().tz_localize(None), moments.max().tz_localize(None)
    months = all_months(moments)
    cut: set[pd.Timestamp] = set()
    if first - months[0] > _SLACK:
        cut.add(months[0])
    if months[-1] + pd.offsets.MonthBegin(1) - last > _SLACK:
        cut.add(months[-1])
    return cut
