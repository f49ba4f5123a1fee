"""Upcoming slips against a real Postgres; pandas on the same rows is the oracle."""

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine

from dashboard.at_risk import slips_queries as queries
from dashboard.at_risk.slips_queries import Slips
from dashboard.shared import reading
from dashboard.shared.personas import slips as slip_pairs
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, Stored

HORIZONS = [7, 30, 365]


@pytest.mark.parametrize("days", HORIZONS)
@pytest.mark.parametrize(("worth", "countries"), [(0, ()), (900, ()), (0, ("France",)), (500, ("France", "Germany"))])
def test_the_calendar_counts_slips_and_adds_up_spend(
    filled: Engine, model: SegmentModel, stream: Stored, days: int, worth: int, countries: tuple[str, ...]
) -> None:
    slips = _slips(model, days, worth, countries)
    expected = _oracle(stream.customers, slips)
    grouped = expected.groupby([expected["next_change_at"].dt.floor("D"), "segment", "next_segment"])["net"]
    with reading.reading(filled) as connection:
        found = queries.calendar(connection, slips).set_index(["day", "from_segment", "to_segment"])
    assert found["customers"].to_dict() == grouped.size().to_dict()
    assert found["worth"].to_dict() == pytest.approx(grouped.sum().to_dict())


@pytest.mark.parametrize("order", queries.ORDERS)
def test_the_list_is_sorted_as_asked_and_paged_without_gap_or_overlap(
    filled: Engine, model: SegmentModel, stream: Stored, order: str
) -> None:
    slips = _slips(model, 60)
    expected = _oracle(stream.customers, slips)
    keys = {
        "urgent": -expected["net"] / ((expected["next_change_at"] - EVENT_TIME) / timedelta(days=1) + 1),
        "soonest": expected["next_change_at"],
        "worth": -expected["net"],
        "silent": expected["last_purchase_at"],
    }
    expected = expected.assign(key=keys[order]).sort_values(["key", "customer_id"])
    with reading.reading(filled) as connection:
        pages = [queries.page(connection, slips, order, 7, offset) for offset in range(0, len(expected), 7)]
    found = pd.concat(pages)
    assert len(expected) > 14
    assert found["customer_id"].tolist() == expected["customer_id"].tolist()
    assert found["net_spend"].astype(float).tolist() == expected["net"].tolist()
    assert found["from_segment"].tolist() == expected["segment"].tolist()
    assert found["to_segment"].tolist() == expected["next_segment"].tolist()


def test_days_left_are_calendar_days(filled: Engine, model: SegmentModel, stream: Stored) -> None:
    slips = _slips(model, 365)
    with reading.reading(filled) as connection:
        found = queries.page(connection, slips, "soonest", 1_000)
    today = EVENT_TIME.replace(hour=0, minute=0)
    expected = (pd.to_datetime(found["slips_at"], utc=True).dt.floor("D") - today) // timedelta(days=1)
    assert found["days_left"].tolist() == expected.tolist()


def test_a_horizon_ends_with_its_last_day() -> None:
    assert queries.until(EVENT_TIME, 1) < EVENT_TIME.replace(hour=0, minute=0) + timedelta(days=1)
    assert queries.until(EVENT_TIME, 1).date() == EVENT_TIME.date()
    assert queries.until(EVENT_TIME, 30).date() == (EVENT_TIME + timedelta(days=29)).date()


def test_the_lowest_spend_of_the_filter_is_included(filled: Engine, model: SegmentModel, stream: Stored) -> None:
    everyone = _oracle(stream.customers, _slips(model, 365))
    least = int(everyone["net"][everyone["net"] % 1 == 0].max())
    with reading.reading(filled) as connection:
        found = queries.page(connection, _slips(model, 365, least), "worth", 1_000)
    assert least in found["net_spend"].astype(float).tolist()
    assert len(found) == (everyone["net"] >= least).sum()


def test_without_pairs_there_is_no_slip(filled: Engine) -> None:
    slips = Slips([], EVENT_TIME, queries.until(EVENT_TIME, 365))
    with reading.reading(filled) as connection:
        assert queries.calendar(connection, slips).empty
        assert queries.page(connection, slips, "urgent", 10).empty


def _slips(model: SegmentModel, days: int, worth: int = 0, countries: tuple[str, ...] = ()) -> Slips:
    return Slips(slip_pairs(model), EVENT_TIME, queries.until(EVENT_TIME, days), worth, countries)


def _oracle(customers: pd.DataFrame, slips: Slips) -> pd.DataFrame:
    due = pd.to_datetime(customers["next_change_at"], utc=True)
    people = customers.assign(next_change_at=due, net=customers["gross"] - customers["returned"])
    pairs = zip(people["segment"], people["next_segment"], strict=True)
    keep = pd.Series([pair in slips.pairs for pair in pairs], index=people.index)
    keep &= (due <= slips.until) & (people["net"] >= slips.worth)
    if slips.countries:
        keep &= people["country"].isin(slips.countries)
    return people[keep]
