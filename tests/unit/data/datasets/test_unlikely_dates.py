"""Dates that are probably mistakes: a few transactions far from all others, or in the future."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from data.datasets import synthetic
from data.datasets.frames import clean
from data.datasets.unlikely_dates import UnlikelyDate, in_one_line, rows_with, unlikely_dates
from tests.support.shop_rows import sale, shop

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FIRST = datetime(2011, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


SHOP = [FIRST + DAY * number for number in range(200)]


def found(*more: datetime, regular: list[datetime] = SHOP) -> list[UnlikelyDate]:
    moments = [*more, *regular]
    with shop(*(sale(f"T{number}", "13085", str(moment), 1.0) for number, moment in enumerate(moments))) as dataset:
        return unlikely_dates(dataset, NOW)


@pytest.mark.parametrize("year", [2199, 2109, 2101, 1970])
def test_a_mistyped_year_is_found(year: int) -> None:
    (unlikely,) = found(FIRST.replace(year=year))
    assert (unlikely.transaction_id, unlikely.occurred_at.year) == ("T0", year)
    assert unlikely.in_future == (year > 2026)


@pytest.mark.parametrize("year", [2013, 2008])
def test_one_transaction_more_than_a_year_from_all_others_is_found(year: int) -> None:
    (unlikely,) = found(FIRST.replace(year=year))
    assert not unlikely.in_future


def test_a_few_mistakes_on_both_sides_are_all_found_in_order() -> None:
    wrong = [datetime(year, 3, 4, tzinfo=UTC) for year in (2109, 1971, 2101, 1970)]
    assert [unlikely.transaction_id for unlikely in found(*wrong)] == ["T3", "T1", "T2", "T0"]


def test_many_rows_with_the_zero_of_a_spreadsheet_are_found() -> None:
    regular = [FIRST + DAY * number / 10 for number in range(2_000)]
    zeros = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number) for number in range(15)]
    assert len(found(*zeros, regular=regular)) == 15


def test_tomorrow_is_fine_and_the_day_after_it_is_not() -> None:
    current = [NOW - DAY * number for number in range(50)]
    assert found(NOW + DAY, regular=current) == []
    (unlikely,) = found(NOW + DAY + timedelta(seconds=1), regular=current)
    assert unlikely.in_future


def test_a_shop_that_was_closed_for_two_years_is_fine() -> None:
    assert found(regular=[*SHOP, *(moment + 900 * DAY for moment in SHOP)]) == []


def test_a_break_of_a_year_is_fine() -> None:
    assert found(SHOP[-1] + 365 * DAY) == []


@pytest.mark.parametrize("count", [1, 2])
def test_so_few_transactions_have_no_others_to_be_far_from(count: int) -> None:
    assert found(regular=[FIRST + 1_000 * DAY * number for number in range(count)]) == []


def test_a_generated_dataset_is_fine() -> None:
    assert unlikely_dates(clean(synthetic.generate(customers=50, days=60, seed=3), "small"), NOW) == []


def test_the_rows_of_the_file_are_named() -> None:
    raw = synthetic.generate(customers=50, days=60, seed=3)
    known = raw[raw["customer"].notna()]
    invoice = known["invoice"].iloc[10]
    raw.loc[raw["invoice"] == invoice, "occurred_at"] = pd.Timestamp("2109-01-05 10:00", tz="UTC")
    dataset = clean(raw, "small")
    (unlikely,) = unlikely_dates(dataset, NOW)
    assert unlikely.transaction_id == invoice
    assert [row for _, row in rows_with(dataset, unlikely)] == raw.loc[raw["invoice"] == invoice, "row"].tolist()


def test_one_line_names_the_first_of_them_and_how_to_go_on() -> None:
    unlikely = found(*(datetime(2109, 1, day, tzinfo=UTC) for day in (1, 2)), datetime(1970, 1, 1, tzinfo=UTC))
    assert in_one_line("shop.csv", unlikely) == (
        "shop.csv: 3 transactions have dates that are probably mistakes, more than a year from all others or in the "
        "future: invoice T2 of 1970-01-01, invoice T0 of 2109-01-01, invoice T1 of 2109-01-02"
    )
    assert in_one_line("shop.csv", unlikely * 2).endswith("invoice T1 of 2109-01-02, and 3 more")
