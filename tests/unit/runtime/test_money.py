"""Money as text: nothing is lost but what is rounded, and each locale and currency has its own look."""

import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import pytest
from babel.numbers import get_currency_symbol, parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from models.units import MONEY_UNITS
from runtime.money import NOTHING, Money
from tests.support.money import EUROS, POUNDS, YEN

CURRENCIES = ["GBP", "EUR", "JPY", "KWD", "USD", "INR", "CHF", "HUF"]
LOCALES = ["en_GB", "en_US", "de_DE", "de_CH", "fr_FR", "sv_SE", "ja_JP", "en_IN", "pt_BR", "es_ES", "pl_PL"]
moneys = st.builds(Money, st.sampled_from(CURRENCIES), st.sampled_from(LOCALES))
units = st.integers(-(10**13), 10**13)


def _read(text: str, money: Money) -> Decimal:
    """The number in an amount."""
    size = text.removeprefix("-").replace(get_currency_symbol(money.currency, locale=money.locale), "")
    number: Decimal = parse_decimal(size.strip(" \u00a0\u202f"), locale=money.locale)
    return -number if text.startswith("-") else number


@given(moneys, units)
def test_an_exact_amount_is_the_amount_with_the_decimals_of_the_currency(money: Money, amount: int) -> None:
    exact = Decimal(amount) / MONEY_UNITS
    rounded = exact.quantize(money.smallest, ROUND_HALF_UP)
    text = money.exact(exact)
    assert _read(text, money) == rounded
    assert len(re.findall(r"\d", text)) >= 1 + money.decimals


@given(moneys, units)
def test_a_rounded_amount_is_the_nearest_whole_amount(money: Money, amount: int) -> None:
    exact = Decimal(amount) / MONEY_UNITS
    assert _read(money.rounded(exact), money) == exact.quantize(Decimal(1), ROUND_HALF_UP)


@given(moneys, units)
def test_a_float_is_written_like_the_decimal_number_that_it_stands_for(money: Money, amount: int) -> None:
    assert money.exact(amount / MONEY_UNITS) == money.exact(Decimal(amount) / MONEY_UNITS)


@given(moneys, st.decimals(-(10**13), 10**13, places=4), st.sampled_from(["exact", "rounded", "short", "mark"]))
def test_only_the_sign_differs_between_a_debt_and_a_credit(money: Money, amount: Decimal, how: str) -> None:
    debt, credit = (getattr(money, how)(value) for value in (-abs(amount), abs(amount)))
    assert debt.removeprefix("-") == credit


@given(st.lists(st.floats(-1e9, 1e9), max_size=5), moneys)
def test_the_marks_of_an_axis_are_equally_far_apart_and_all_different(values: list[float], money: Money) -> None:
    axis = money.axis(values)
    marks = [Decimal(str(mark)) for mark in axis["tickvals"]]
    assert 0 in marks
    assert 1 <= len(marks) <= 12
    assert len({*axis["ticktext"]}) == len(marks)
    assert len({after - before for before, after in pairwise(marks)}) <= 1
    if max([0.0, *values]) - min([0.0, *values]) > 10:
        assert len(marks) >= 2


@pytest.mark.parametrize(
    ("money", "how", "amount", "text"),
    [
        (POUNDS, "exact", Decimal("12.345"), "£12.35"),
        (POUNDS, "exact", 1234567.8, "£1,234,567.80"),
        (POUNDS, "exact", Decimal("-0.004"), "£0.00"),
        (POUNDS, "exact", -5, "-£5.00"),
        (POUNDS, "short", 0.5, "£0.50"),
        (POUNDS, "short", 7_859_755, "£7.86m"),
        (POUNDS, "short", 1_500_000_000, "£1.5bn"),
        (POUNDS, "mark", 800_000, "£800k"),
        (POUNDS, "mark", 0.5, "£0.50"),
        (EUROS, "exact", 1234.56, "1.234,56 €"),
        (EUROS, "exact", -1234.56, "-1.234,56 €"),
        (EUROS, "short", 7_859_755, "7,86 Mio. €"),
        (EUROS, "short", 12_345, "12.345 €"),
        (EUROS, "mark", 10_000, "10.000 €"),
        (YEN, "exact", 1234.5, "JP¥1,235"),
        (YEN, "short", 7_859_755, "JP¥7.86m"),
        (Money("JPY", "ja_JP"), "short", 7_859_755, "￥786万"),
        (Money("KWD", "en_GB"), "exact", 1.5, "KWD 1.500"),
        (Money("USD", "en_US"), "exact", -1234.5, "-$1,234.50"),
        (Money("INR", "en_IN"), "rounded", 1_234_567, "₹12,34,567"),
    ],
)
def test_amounts_look_as_people_of_the_locale_write_them(money: Money, how: str, amount: float, text: str) -> None:
    assert getattr(money, how)(amount).replace("\u00a0", " ") == text


@pytest.mark.parametrize("amount", [None, float("nan"), float("inf"), Decimal("NaN")])
@pytest.mark.parametrize("how", ["exact", "rounded", "short"])
def test_a_missing_amount_is_a_dash(how: str, amount: float | None) -> None:
    assert getattr(POUNDS, how)(amount) == NOTHING


def test_fifty_pence_are_not_five_hundred_millions() -> None:
    assert POUNDS.axis([0.5])["ticktext"] == ["£0", "£0.10", "£0.20", "£0.30", "£0.40", "£0.50"]
    assert POUNDS.axis([1.5e9])["ticktext"] == ["£0", "£500m", "£1bn", "£1.5bn"]


def test_an_axis_of_yen_has_no_mark_between_two_yen() -> None:
    assert YEN.axis([0.4, 2])["ticktext"] == ["JP¥0", "JP¥1", "JP¥2"]


def test_the_marks_of_a_logarithmic_axis_enclose_it() -> None:
    assert EUROS.decades(0.5, 200)["tickvals"] == [0.1, 1.0, 10.0, 100.0, 1000.0]


def test_another_currency_keeps_the_locale() -> None:
    assert EUROS.of("JPY") == Money("JPY", "de_DE")
    assert EUROS.of(None) == EUROS
