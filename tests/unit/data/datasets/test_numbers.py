"""Numbers in every notation are exact, and a number with two readings is read as the file's decimal mark says."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.numbers import Numbers, written
from models.units import from_money_units

POINT, COMMA = Numbers("."), Numbers(",")
UNITS = st.integers(-(10**13) + 1, 10**13 - 1)
SIGNS = st.sampled_from(["-{}", "({})", "{}-", "\N{MINUS SIGN}{}", "- {}"])
BESIDE = st.sampled_from(["{}", " {} ", "\xa0{}\t", "EUR {}", "{} EUR", "€{}", "{}€", "{} €", "€ {}"])
GROUPS = st.sampled_from(["", ",", "'", "’", " ", "\xa0", "\u202f", "\u2009"])


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1,250.00", "1250.00"),
        ("1.250,00", "1250.00"),
        ("1'250.00", "1250.00"),
        ("1’250.00", "1250.00"),
        ("1 250,00", "1250.00"),
        ("1\xa0250,00", "1250.00"),
        ("1\u202f250,00", "1250.00"),
        ("12,34,567.89", "1234567.89"),
        ("1,250,000", "1250000"),
        ("1.250.000", "1250000"),
        ("£12.50", "12.50"),
        ("12.50 €", "12.50"),
        ("EUR 12.50", "12.50"),
        ("US$12.50", "12.50"),
        ("12,50 zł", "12.50"),
        ("CHF 1'250.00", "1250.00"),
        ("(12.50)", "-12.50"),
        ("(£12.50)", "-12.50"),
        ("£(12.50)", "-12.50"),
        ("-12.50", "-12.50"),
        ("-£12.50", "-12.50"),
        ("£-12.50", "-12.50"),
        ("12.50-", "-12.50"),
        ("\N{MINUS SIGN}12.50", "-12.50"),
        ("1.25E+03", "1250"),
        ("1,25e3", "1250"),
        ("1.250E+03", "1250"),
        ("2E-2", "0.02"),
        ("+5", "5"),
        ("0.001", "0.001"),
        ("0,001", "0.001"),
        (".5", "0.5"),
        (".125", "0.125"),
        ("5.", "5"),
        ("1234.567", "1234.567"),
        ("-0", "0"),
        ("007", "7"),
    ],
)
def test_a_number_with_one_reading_is_read_alike_whatever_the_decimal_mark_of_the_others(
    cell: str, number: str
) -> None:
    assert POINT.number(cell) == COMMA.number(cell) == Decimal(number)


@pytest.mark.parametrize(("cell", "point", "comma"), [("1.234", "1.234", "1234"), ("-12,345", "-12345", "-12.345")])
def test_one_mark_before_three_digits_is_read_as_the_file_says(cell: str, point: str, comma: str) -> None:
    assert written(cell).open
    assert POINT.number(cell) == Decimal(point)
    assert COMMA.number(cell) == Decimal(comma)


@pytest.mark.parametrize(
    "cell",
    ["", " ", "x", "nan", "NaN", "inf", "-inf", "Infinity", "None", "１２", "٣", "1_000", "0x10", "1,2,3", "1.25.000",
     "1,25.00,0", "--5", "-(5)", "+-5", "(5", "5)", "1 2", "12 34", "1'2", "12.50 pcs", "12 XYZ", "£", "$-", ".", ",",
     "1e", "1e999", "1" * 30, "€5€", "5%", "2010-12-01", "1:30"],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_the_cell(cell: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number$") as error:
        POINT.number(cell)
    assert str(error.value).startswith(repr(cell)[:60])


@given(UNITS, GROUPS, BESIDE, SIGNS, st.booleans())
def test_an_amount_in_any_notation_is_exact(units: int, group: str, beside: str, sign: str, comma: bool) -> None:
    number = from_money_units(abs(units))
    text = f"{number:,f}".replace(",", "g").replace(".", "," if comma else ".")
    group = "." if comma and group == "," else group
    text = beside.format(text.replace("g", group))
    cell = sign.format(text.strip()) if units < 0 else text
    assert (COMMA if comma else POINT).units(cell) == units


@given(UNITS)
def test_an_amount_in_scientific_notation_is_exact(units: int) -> None:
    assert POINT.units(f"{from_money_units(units).normalize():E}") == units


@given(st.integers(-(10**9) + 1, 10**9 - 1), st.sampled_from(["{}", "{}.0", "{}.000000", "{:,}.00", "{}e0"]))
def test_a_quantity_is_a_whole_number_in_any_notation(quantity: int, form: str) -> None:
    assert POINT.quantity(form.format(quantity)) == quantity


def test_a_quantity_with_a_fraction_says_what_to_do() -> None:
    with pytest.raises(
        ValueError, match=r"^'2.5' is not a whole number of pieces; for goods by weight, map columns.am"
    ):
        POINT.quantity("2.5")
    assert (POINT.quantity("1,200"), COMMA.quantity("1.200")) == (1200, 1200)


@pytest.mark.parametrize("cell", ["1000000000", "-1,000,000,000.00", "1e9", "9e99"])
def test_what_the_worker_would_refuse_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="too large an amount"):
        POINT.units(cell)
    with pytest.raises(ValueError, match="too large a quantity"):
        POINT.quantity(cell)
    assert POINT.units("999,999,999.9999") == 10**13 - 1


@pytest.mark.parametrize("cell", ["0.00001", "1.23456", "1E-5"])
def test_an_amount_has_at_most_four_decimals_that_are_not_zero(cell: str) -> None:
    with pytest.raises(ValueError, match=r"has more than 4 decimals$"):
        POINT.units(cell)
    assert POINT.units("12.5000000") == 125_000


def test_an_amount_in_another_currency_is_refused() -> None:
    euros = Numbers(".", "EUR")
    assert euros.units("€5") == euros.units("5 EUR") == euros.units("eur 5") == euros.units("5") == 50_000
    with pytest.raises(ValueError, match=r"^'£5' is not an amount in EUR$"):
        euros.units("£5")
    assert Numbers(".", "CAD").units("$5") == 50_000


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_one_line_of_a_reason(cell: str) -> None:
    for parse in (POINT.units, COMMA.units, POINT.quantity):
        reason = ""
        try:
            assert isinstance(parse(cell), int)
        except ValueError as error:
            reason = str(error)
        assert len(reason.splitlines()) <= 1
