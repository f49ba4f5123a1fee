from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.profiles import features, profiles_as_of

START = datetime(2011, 1, 1, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 60 * 24 * 40).map(lambda minutes: START + timedelta(minutes=minutes))


def table(*rows: tuple[str, str, datetime, str, int]) -> pd.DataFrame:
    columns = ["transaction_id", "customer_id", "occurred_at", "kind", "amount_units"]
    frame = pd.DataFrame(rows, columns=columns).astype({"amount_units": "int64"})
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True).astype("datetime64[us, UTC]")
    return frame


@st.composite
def transactions(draw: st.DrawFn) -> pd.DataFrame:
    row = st.tuples(st.sampled_from("abc"), MOMENTS, st.sampled_from(["sale", "return"]), st.integers(0, 10**9))
    rows = draw(st.lists(row, max_size=25))
    return table(*((f"T{number}", *row) for number, row in enumerate(rows)))


@given(transactions(), MOMENTS)
def test_profiles_equal_a_count_with_plain_loops(history: pd.DataFrame, as_of: datetime) -> None:
    expected: dict[str, dict[str, Any]] = {}
    for _, customer, occurred_at, kind, amount in history.itertuples(index=False):
        if occurred_at <= as_of:
            entry = expected.setdefault(customer, {"sales": [], "gross_units": 0, "returned_units": 0})
            entry["gross_units" if kind == "sale" else "returned_units"] += amount
            if kind == "sale":
                entry["sales"].append(occurred_at)
    buyers = {customer: entry for customer, entry in expected.items() if entry["sales"]}

    profiles = profiles_as_of(history, as_of)
    assert sorted(profiles.index) == sorted(buyers)
    for customer, entry in buyers.items():
        profile = profiles.loc[customer]
        last = max(entry["sales"])
        assert profile["recency_days"] == (as_of - last).days
        assert profile["frequency"] == len(entry["sales"])
        assert profile["gross_units"] == entry["gross_units"]
        assert profile["returned_units"] == entry["returned_units"]
        assert (profile["first_purchase_at"], profile["last_purchase_at"]) == (min(entry["sales"]), last)
    assert (profiles.dtypes[["recency_days", "frequency", "gross_units", "returned_units"]] == "int64").all()


@given(transactions(), MOMENTS, st.integers(1, 45))
def test_in_a_window_only_what_happened_in_it_counts_and_recency_stays(
    history: pd.DataFrame, as_of: datetime, days: int
) -> None:
    found, whole = profiles_as_of(history, as_of, days), profiles_as_of(history, as_of)
    inside = profiles_as_of(history[history["occurred_at"] > as_of - timedelta(days=days)], as_of)
    dates = ["recency_days", "first_purchase_at", "last_purchase_at"]
    pd.testing.assert_frame_equal(found[dates], whole[dates])
    for customer, profile in found.iterrows():
        counted = inside.loc[str(customer)] if customer in inside.index else None
        assert profile["frequency"] == (0 if counted is None else counted["frequency"])
        assert profile["gross_units"] == (0 if counted is None else counted["gross_units"])
        if counted is not None:
            assert profile["returned_units"] == counted["returned_units"]


def test_a_purchase_that_is_exactly_as_old_as_the_window_no_longer_counts() -> None:
    history = table(("1", "a", START, "sale", 100))
    end = START + timedelta(days=7)
    assert profiles_as_of(history, end - timedelta(microseconds=1), 7).loc["a", "frequency"] == 1
    assert profiles_as_of(history, end, 7).loc["a", "frequency"] == 0


def test_recency_grows_after_every_24_hours() -> None:
    history = table(("1", "a", START, "sale", 100))
    for passed, days in [(timedelta(hours=23, minutes=59), 0), (timedelta(hours=24), 1), (timedelta(hours=47), 1)]:
        assert profiles_as_of(history, START + passed).loc["a", "recency_days"] == days


def test_the_as_of_time_is_inclusive() -> None:
    history = table(("1", "a", START, "sale", 100), ("2", "a", START + timedelta(microseconds=1), "sale", 50))
    assert profiles_as_of(history, START).loc["a", "frequency"] == 1
    assert profiles_as_of(history, START + timedelta(microseconds=1)).loc["a", "gross_units"] == 150


def test_a_customer_with_returns_only_is_left_out() -> None:
    history = table(("C1", "a", START, "return", 100), ("2", "b", START, "sale", 100))
    assert profiles_as_of(history, START).index.tolist() == ["b"]


def test_a_repeated_invoice_is_one_purchase() -> None:
    history = table(("1", "a", START, "sale", 100), ("1", "a", START, "sale", 100), ("2", "a", START, "sale", 100))
    assert profiles_as_of(history, START).loc["a", "frequency"] == 2


def test_large_amounts_are_exact() -> None:
    great = 2**53 + 1
    history = table(("1", "a", START, "sale", great), ("2", "b", START, "sale", 1), ("C3", "a", START, "return", great))
    profiles = profiles_as_of(history, START)
    assert profiles["gross_units"].tolist() == [great, 1]
    assert profiles["returned_units"].tolist() == [great, 0]


def test_an_as_of_time_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        profiles_as_of(table(("1", "a", START, "sale", 100)), START.replace(tzinfo=None))


def test_money_is_gross_or_net_of_returns_and_never_negative() -> None:
    history = table(
        ("1", "a", START, "sale", 123_450), ("C2", "a", START, "return", 23_450),
        ("3", "b", START, "sale", 10_000), ("C4", "b", START, "return", 99_999),
    )  # fmt: skip
    profiles = profiles_as_of(history, START)
    assert features(profiles, "net")["monetary"].tolist() == [10.0, 0.0]
    assert features(profiles, "gross")["monetary"].tolist() == [12.345, 1.0]
