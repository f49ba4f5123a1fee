from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.units import from_micros, from_money_units, money_text, to_micros, to_money_units

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
UNITS = st.integers(-(10**18), 10**18)


@given(MOMENTS)
def test_a_moment_survives_conversion_to_microseconds_and_back(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(MOMENTS, st.integers(-840, 840))
def test_microseconds_do_not_depend_on_the_time_zone(moment: datetime, minutes: int) -> None:
    assert to_micros(moment.astimezone(timezone(timedelta(minutes=minutes)))) == to_micros(moment)


@given(UNITS)
def test_money_survives_conversion_to_a_decimal_and_back(units: int) -> None:
    assert to_money_units(from_money_units(units)) == units
    assert from_money_units(units) * 10_000 == units


@given(UNITS)
def test_the_text_of_an_amount_has_two_to_four_decimals_and_no_more_than_needed(units: int) -> None:
    text = money_text(units)
    decimals = text.partition(".")[2]
    assert Decimal(text) * 10_000 == units
    assert 2 <= len(decimals) <= 4
    assert len(decimals) == 2 or not decimals.endswith("0")


@pytest.mark.parametrize(
    ("units", "text"),
    [(0, "0.00"), (1, "0.0001"), (-1, "-0.0001"), (123450, "12.345"), (100000, "10.00"), (-205000, "-20.50")],
)
def test_amounts_have_the_expected_text(units: int, text: str) -> None:
    assert money_text(units) == text


@pytest.mark.parametrize("amount", ["0.00001", "12.34567", "NaN", "Infinity", "-Infinity"])
def test_an_amount_that_is_no_whole_number_of_units_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=amount.lstrip("-")):
        to_money_units(Decimal(amount))
