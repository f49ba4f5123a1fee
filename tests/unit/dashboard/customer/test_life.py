"""A customer's past as lines and bands, against the same past computed moment by moment."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.customer.life import recency_line, spend_steps, stays
from models.segment_model import SegmentModel, build
from tests.support.stored import a_model

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
MODEL = a_model()
_ledgers = st.lists(
    st.tuples(st.integers(0, 10_000), st.booleans(), st.integers(1, 9_999)), min_size=1, max_size=20
).map(
    lambda rows: pd.DataFrame(
        [(NOW - timedelta(hours=ago), "sale" if sold else "return", cents / 100) for ago, sold, cents in rows],
        columns=["occurred_at", "kind", "amount"],
    ).sort_values("occurred_at", kind="stable", ignore_index=True)
)


def _gross() -> SegmentModel:
    return build("gross", MODEL.transform, MODEL.means, MODEL.scales, MODEL.segments)


@given(_ledgers)
def test_recency_rises_a_day_per_day_and_falls_to_zero_at_each_sale(ledger: pd.DataFrame) -> None:
    sales = ledger.loc[ledger["kind"] == "sale", "occurred_at"].tolist()
    line = recency_line(ledger, NOW)
    assert [*line["at"].iloc[::2]] == sales
    assert (line["days"].iloc[::2] == 0).all()
    teeth = zip(sales, line["at"].iloc[1::2], line["days"].iloc[1::2], strict=True)
    assert all(days == pytest.approx((end - sale) / timedelta(days=1)) for sale, end, days in teeth)
    assert [*line["at"].iloc[1::2]] == [*sales[1:], *([NOW] if sales else [])]


@given(_ledgers, st.sampled_from([MODEL, _gross()]), st.integers(0, 5), st.integers(0, 900))
def test_spend_after_every_transaction_is_the_spend_before_plus_its_amount(
    ledger: pd.DataFrame, model: SegmentModel, earlier: int, earlier_money: int
) -> None:
    sold = ledger["kind"] == "sale"
    gross = float(ledger["amount"].where(sold, 0).sum()) + earlier_money
    returned = float(ledger["amount"].where(~sold, 0).sum())
    steps = spend_steps(ledger, model, int(sold.sum()) + earlier, gross, returned, NOW)
    purchases, spent, back = earlier, float(earlier_money), 0.0
    for row, step in zip(ledger.to_dict("records"), steps.to_dict("records"), strict=False):
        purchases += row["kind"] == "sale"
        spent += row["amount"] if row["kind"] == "sale" else 0
        back += row["amount"] if row["kind"] == "return" else 0
        worth = max(spent - back, 0) if model.monetary == "net" else spent
        assert step["frequency"] == purchases
        assert step["monetary"] == pytest.approx(worth, abs=1e-6)
    assert steps["at"].iloc[-1] == NOW


def test_a_stay_ends_where_the_next_begins_and_the_last_one_now() -> None:
    changes = pd.DataFrame(
        [("best", NOW - timedelta(days=9)), ("lost", NOW - timedelta(days=2))], columns=["to_segment", "effective_at"]
    )
    found = stays(changes, NOW)
    assert found["segment"].tolist() == ["best", "lost"]
    assert found["end"].tolist() == [NOW - timedelta(days=2), NOW]


def test_without_events_there_is_nothing_to_draw() -> None:
    ledger = pd.DataFrame({"occurred_at": pd.Series([], dtype="datetime64[us, UTC]"), "kind": [], "amount": []})
    assert recency_line(ledger, NOW).empty
    assert spend_steps(ledger, MODEL, 0, 0, 0, NOW).empty
    assert stays(pd.DataFrame({"to_segment": [], "effective_at": []}), NOW).empty


def test_a_customer_with_only_returns_has_no_recency() -> None:
    ledger = pd.DataFrame({"occurred_at": [NOW], "kind": ["return"], "amount": [5.0]})
    assert recency_line(ledger, NOW).empty
    assert np.isclose(spend_steps(ledger, MODEL, 0, 0.0, 5.0, NOW)["monetary"], 0).all()
