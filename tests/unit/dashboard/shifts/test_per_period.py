"""Tables per period balance exactly, whatever the history and the calendar."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.shared import history
from dashboard.shifts import revenue
from dashboard.shifts.per_period import of_segment, per_period, revenue_matrix
from models.calendar import GRAINS, Grain, periods

START = datetime(2010, 11, 20, tzinfo=UTC)
SEGMENTS = ("best", "middle", "lost")
GRAIN: st.SearchStrategy[Grain] = st.sampled_from([*GRAINS])


@st.composite
def histories(draw: st.DrawFn) -> pd.DataFrame:
    """Daily moves of some customers, each from segment to segment."""
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        day, before = 0, ""
        for to in draw(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=6)):
            day += draw(st.integers(0, 120))
            rows.append((START + timedelta(days=day), before, to, "purchase", 1, 1.0))
            before = to
    columns = ["day", "from_segment", "to_segment", "cause", "changes", "money"]
    return pd.DataFrame(rows, columns=columns).astype(history.TYPES).sort_values("day", ignore_index=True)


@st.composite
def revenues(draw: st.DrawFn) -> pd.DataFrame:
    """Daily revenue of segments and new customers."""
    row = st.tuples(st.integers(0, 700), st.sampled_from(["", *SEGMENTS]), *[st.integers(0, 10**9)] * 3)
    rows = [(START + timedelta(days=day), *others) for day, *others in draw(st.lists(row, max_size=20))]
    days = pd.DataFrame(rows, columns=["day", "segment", "orders", "revenue_units", "returned_units"])
    return days.assign(day=pd.to_datetime(days["day"], utc=True)).astype(revenue.TYPES)


@settings(max_examples=40)
@given(histories(), revenues(), GRAIN)
def test_every_period_balances_and_begins_where_the_one_before_ended(
    days: pd.DataFrame, sold: pd.DataFrame, grain: Grain
) -> None:
    table = per_period(days, sold, periods(grain, START, START + timedelta(days=800)))
    assert (table["start"] + table["came"] - table["left"] == table["end"]).all()
    assert (table["end"] - table["start"] == table["net"]).all()
    for _, own in table.groupby("segment"):
        assert own["start"].tolist() == [0, *own["end"].tolist()[:-1]]
        assert own["since"].tolist()[1:] == own["until"].tolist()[:-1]
    ends = table.groupby("since")["end"].sum()
    entries = [
        int(days[(days["from_segment"] == "") & (days["day"] < until)]["changes"].sum())
        for until in (table.drop_duplicates("since")["until"])
    ]
    assert ends.tolist() == entries


@settings(max_examples=40)
@given(histories(), revenues(), GRAIN)
def test_the_segments_sums_are_the_totals(days: pd.DataFrame, sold: pd.DataFrame, grain: Grain) -> None:
    table = per_period(days, sold, periods(grain, START, START + timedelta(days=800)))
    together = of_segment(table, None, grain)
    for name in ("orders", "revenue_units", "returned_units"):
        assert together[name].sum() == sold[name].sum()
        apart = pd.DataFrame({each: of_segment(table, each, grain)[name] for each in table["segment"].unique()})
        assert apart.sum(axis=1).tolist() == together[name].tolist()
    for row in together.itertuples():
        inside = sold[(sold["day"] >= row.since) & (sold["day"] < row.until)]
        assert row.revenue_units == inside["revenue_units"].sum()
    assert revenue_matrix(table).sum().sum() * 10_000 == pytest.approx(together["revenue"].sum())


@given(GRAIN, st.integers(0, 11_000), st.integers(0, 900))
def test_periods_follow_each_other_and_hold_the_first_and_the_last_moment(
    grain: Grain, after: int, length: int
) -> None:
    first = datetime(2000, 1, 1, 7, tzinfo=UTC) + timedelta(days=after)
    now = first + timedelta(days=length)
    found = periods(grain, first, now)
    assert found[0].since <= first < found[0].until
    assert found[-1].since <= now < found[-1].until
    assert [each.until for each in found[:-1]] == [each.since for each in found[1:]]
    assert len({each.label for each in found}) == len(found)
    days = {"month": (28, 31), "quarter": (90, 92), "week": (7, 7)}[grain]
    assert all(days[0] <= (each.until - each.since).days <= days[1] for each in found)


def test_a_period_is_compared_with_the_one_before_and_the_one_a_year_before() -> None:
    moved = [
        (datetime(2010 + month // 12, month % 12 + 1, 3, tzinfo=UTC), "", "best", "purchase", month + 1, 1.0)
        for month in range(14)
    ]
    columns = ["day", "from_segment", "to_segment", "cause", "changes", "money"]
    days = pd.DataFrame(moved, columns=columns).astype(history.TYPES)
    nothing = pd.DataFrame(columns=["day", *revenue.TYPES]).astype(revenue.TYPES | {"day": "datetime64[us, UTC]"})
    table = per_period(days, nothing, periods("month", moved[0][0], moved[-1][0]))
    last = of_segment(table, "best", "month").iloc[-1]
    assert (last["label"], last["net"], last["net_before"], last["net_year"]) == ("Feb 2011", 14, 13, 2)
    assert of_segment(table, "best", "month").iloc[0][["net_before", "net_year"]].isna().all()
