"""The filters of an audience on everybody at a past moment."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from dashboard.audiences.past_members import customers_and_stays, passing
from models.audience import AudienceDefinition, Range
from models.units import to_micros

BOUGHT = datetime(2011, 3, 1, tzinfo=UTC)
CHANGED = datetime(2011, 4, 1, tzinfo=UTC)
NOBODY = pd.Series([], dtype="str")


def states() -> pd.DataFrame:
    """Ann, Ben, and Cem, who has no order left; as they come from Postgres."""
    bought = pd.Series([BOUGHT, BOUGHT, None]).astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "customer_id": ["ann", "ben", "cem"],
            "country": pd.Categorical(["France", "Spain", "Spain"]),
            "segment": pd.Series(["champions", "lost", "lost"], dtype="object"),
            "previous_segment": pd.Series(["lost", None, "champions"], dtype="object"),
            "segment_since": pd.Series([CHANGED] * 3).astype("datetime64[us, UTC]"),
            "recency_days": pd.Series([10, 60, 29], dtype="Int64"),
            "frequency": [7, 1, 0],
            "gross_units": [1_005_000, 3_000, 0],
            "returned_units": [5_000, 4_000, 0],
            "first_purchase_at": bought,
            "last_purchase_at": bought,
            "counts_from": bought.fillna(pd.Timestamp(CHANGED)),
        }
    )


@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ({}, "ann ben cem"),
        ({"segments": ("lost", "loyal")}, "ben cem"),
        ({"countries": ("France",)}, "ann"),
        ({"recency_days": Range(10, 29)}, "ann cem"),
        ({"frequency": Range(1, None)}, "ann ben"),
        ({"net_spend": Range(Decimal("100"), Decimal("100"))}, "ann"),
        ({"net_spend": Range(Decimal("100.0001"), None)}, ""),
        ({"net_spend": Range(None, Decimal("-0.1"))}, "ben"),
        ({"net_spend": Range(-(10**18), 10**18)}, "ann ben cem"),
        ({"net_spend": Range(10**18, None)}, ""),
        ({"segments": ("lost",), "frequency": Range(0, 0)}, "cem"),
    ],
)
def test_each_filter_lets_through_whom_it_says(definition: dict[str, Any], names: str) -> None:
    inside = passing(states(), AudienceDefinition(**definition), None)
    assert states().loc[inside, "customer_id"].tolist() == names.split()


def test_only_a_customer_who_has_moved_passes_a_filter_on_moves() -> None:
    assert passing(states(), AudienceDefinition(moved_to=("lost",)), pd.Series(["cem", "gone"])).tolist() == [
        False,
        False,
        True,
    ]
    assert not passing(states(), AudienceDefinition(moved_to=("lost",)), NOBODY).any()


def test_a_customer_without_an_order_left_counts_from_the_last_event() -> None:
    customers, stays = customers_and_stays(states())
    assert [customers.customer_id.of(row) for row in range(3)] == ["ann", "ben", "cem"]
    assert [customers.segment.of(row) for row in range(3)] == ["champions", "lost", "lost"]
    assert [customers.country.of(row) for row in range(3)] == ["France", "Spain", "Spain"]
    assert customers.histories.last_at.tolist() == [to_micros(BOUGHT), to_micros(BOUGHT), to_micros(CHANGED)]
    assert customers.histories.orders.tolist() == [7, 1, 0]
    assert customers.spent.tolist() == [100.0, -0.1, 0.0]
    assert [stays.previous.of(row) for row in range(3)] == ["lost", "", "champions"]
    assert stays.recency_days.tolist() == [10, 60, 29]
    assert stays.since.tolist() == [to_micros(CHANGED)] * 3


def test_no_customers_give_empty_results() -> None:
    none = states().iloc[:0]
    assert passing(none, AudienceDefinition(segments=("lost",)), NOBODY).tolist() == []
    assert customers_and_stays(none)[0].spent.tolist() == []
