"""Summaries of the daily history."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared import flows
from dashboard.shared.labels import PERIODS

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
FIRST = datetime(2011, 1, 1, tzinfo=UTC)
COLUMNS = ["day", "from_segment", "to_segment", "cause", "changes", "money"]

_history = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["", "a", "b"]), st.sampled_from(["c", "d"]), st.integers(1, 9)),
    min_size=1,
    max_size=30,
).map(
    lambda rows: pd.DataFrame(
        [(FIRST + timedelta(days=day), before, after, "decay", n, 10.0 * n) for day, before, after, n in rows],
        columns=COLUMNS,
    )
)


def test_a_window_begins_at_midnight_and_has_today_in_it() -> None:
    assert flows.window_start(NOW, 1) == datetime(2011, 6, 15, tzinfo=UTC)
    assert flows.window_start(NOW, 30) == datetime(2011, 5, 17, tzinfo=UTC)
    assert flows.window_start(NOW, None) is None
    assert flows.window_start(None, 30) is None
    assert flows.window_start(NOW, PERIODS["30"].days) == flows.midnight(NOW) - timedelta(days=29)


@given(_history, st.integers(1, 12), st.integers(0, 60))
def test_a_page_is_located_by_counting_from_the_newest_change(history: pd.DataFrame, limit: int, offset: int) -> None:
    newest_first = sorted(history["day"].repeat(history["changes"].tolist()), reverse=True)
    wanted = newest_first[offset : offset + limit]
    place = flows.locate(history, limit, offset)
    assert place.days == sorted({*wanted})
    if wanted:
        on_these_days = [day for day in newest_first if day in place.days]
        assert on_these_days[place.skip : place.skip + limit] == wanted


@given(_history)
def test_money_and_moves_of_all_pairs_add_up_to_the_total(history: pd.DataFrame) -> None:
    pairs = {*zip(history["from_segment"], history["to_segment"], strict=True)}
    assert flows.moves(history, pairs) == history["changes"].sum()
    assert flows.money(history, pairs) == history["money"].sum()
    assert flows.moves(history, pairs, "purchase") == 0
    assert flows.moves(history, []) == 0


@given(_history, st.integers(0, 31), st.integers(0, 31))
def test_the_balance_of_a_period_adds_up_and_ends_where_the_next_begins(
    history: pd.DataFrame, first: int, length: int
) -> None:
    since, until = FIRST + timedelta(days=first), FIRST + timedelta(days=first + length)
    table, following = flows.balance(history, since, until), flows.balance(history, until, until + timedelta(days=9))
    assert (table["start"] + table["came"] - table["left"] == table["end"]).all()
    assert (table["end"] - table["start"] == table["net"]).all()
    assert table["end"].to_dict() == following["start"].loc[table.index].to_dict()
    whole = flows.balance(history, FIRST, FIRST + timedelta(days=60))
    assert whole["start"].sum() == 0
    entries = history.loc[history["from_segment"] == "", "changes"].sum()
    assert whole["end"].sum() == entries
