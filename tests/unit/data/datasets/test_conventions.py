"""What a file's columns are like is found out from all their cells, and asked about where they do not tell."""

import random
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.cells import DataError
from data.datasets.conventions import AmbiguousError, Conventions, find_out
from data.datasets.mapping import Mapping as FileMapping
from data.datasets.mapping_toml import with_settings
from models.units import from_micros
from runtime.errors import Hint

COLUMNS = "transaction customer time price quantity currency"
PLAIN = {"transaction": ["1"], "customer": ["a"], "time": ["2010-12-01 08:26"], "price": ["2.50"], "quantity": ["1"]}


def understood(cells: Mapping[str, list[str]], *settings: str, currency: str = "") -> Conventions:
    """What is found out about a file with these cells, the others being plain."""
    cells = PLAIN | dict(cells)
    named = [f"columns.{name}={name}" for name in cells if name not in ("time_of_day", "time_zone")]

    def distinct(column: str) -> Iterator[str]:
        yield from cells[column]

    return find_out(with_settings(FileMapping(), [*named, *settings]), distinct, currency)


def times(cells: list[str], *settings: str) -> list[str]:
    found = understood({"time": cells}, *settings)
    return [f"{from_micros(found.parsers['time'](cell)):%Y-%m-%d %H:%M}" for cell in cells]


def prices(cells: list[str], *settings: str, **others: list[str]) -> list[int]:
    found = understood({"price": cells} | others, *settings)
    return [found.parsers["price"](cell) for cell in cells]


def test_only_the_columns_of_the_file_have_a_parser() -> None:
    assert understood({}).parsers.keys() == PLAIN.keys()


def test_one_date_with_one_reading_decides_for_all() -> None:
    assert times(["01/12/2010 08:26", "13/01/2011 11:00"]) == ["2010-12-01 08:26", "2011-01-13 11:00"]
    assert times(["12/1/2010 8:26", "1/13/2011 11:00"]) == ["2010-12-01 08:26", "2011-01-13 11:00"]


def test_dates_that_do_not_tell_are_asked_about_with_both_readings() -> None:
    expected = (
        r"^the date '01/12/2010 08:26' can be 2010-12-01 \(--set time.day_first=true\) or 2010-01-12 "
        r"\(--set time.day_first=false\), and no other date decides$"
    )
    with pytest.raises(AmbiguousError, match=expected):
        times(["05/12/2010 09:10", "01/12/2010 08:26"])
    assert times(["01/12/2010"], "time.day_first=true") == ["2010-12-01 00:00"]
    assert times(["01/12/2010"], "time.day_first=false") == ["2010-01-12 00:00"]


def test_a_date_whose_readings_are_the_same_is_not_asked_about() -> None:
    assert times(["05/05/2010"]) == ["2010-05-05 00:00"]


def test_dates_that_contradict_each_other_are_asked_about() -> None:
    cells = ["13/01/2011", "01/14/2011", "02/03/2011"]
    with pytest.raises(AmbiguousError, match=r"'13/01/2011' has the day first and '01/14/2011' the month; choose with"):
        times(cells)
    found = understood({"time": cells}, "time.day_first=true")
    with pytest.raises(ValueError, match=r"^'01/14/2011' is not a date and time"):
        found.parsers["time"]("01/14/2011")


def test_a_typing_error_among_many_dates_is_a_bad_cell() -> None:
    days = [f"{day}/01/2011" for day in range(13, 32)]
    found = understood({"time": [*days, "01/14/2011"]})
    assert found.mapping.time.day_first is True
    with pytest.raises(ValueError, match=r"^'01/14/2011' is not a date and time"):
        found.parsers["time"]("01/14/2011")


@pytest.mark.parametrize("cell", ["01-12-2010", "01.12.2010", "01.12.10"])
def test_dashes_and_dots_with_the_year_last_have_the_day_first(cell: str) -> None:
    assert times([cell]) == ["2010-12-01 00:00"]
    assert times([cell], "time.day_first=false") == ["2010-01-12 00:00"]


def test_years_of_two_digits_are_shown_as_they_are_read() -> None:
    notes = understood({"time": ["02-12-10 09:00", "01-12-10 08:26"]}).notes
    assert notes[0] == "Years have two digits: '01-12-10 08:26' is read as 2010-12-01."


def test_a_column_has_one_format_and_the_rest_is_bad() -> None:
    found = understood({"time": ["2010-12-01", "2010-12-02", "03/12/2010", "2010-12-13"]})
    assert found.mapping.time.format == "iso"
    with pytest.raises(ValueError, match=r"^'03/12/2010' is not .*; a column of times has one format$"):
        found.parsers["time"]("03/12/2010")


def test_a_time_of_day_and_a_zone_in_columns_of_their_own_belong_to_the_date() -> None:
    joined = ["01/31/2024 18:30:00 Pacific Time (US & Canada)"]
    assert times(joined) == ["2024-02-01 02:30"]


def test_the_zone_of_times_without_one_is_said() -> None:
    assert understood({}).mapping.time.zone == "UTC"
    assert understood({}).notes[0].startswith("Times without a zone are taken as UTC. If they are local times, name")
    berlin = understood({"time": ["2024-07-01 12:00"]}, "time.zone=Europe/Berlin")
    assert berlin.notes == ("Times without a zone are taken as Europe/Berlin.",)
    assert understood({"time": ["2024-07-01 12:00Z", "1301185800"]}).notes == ()


def test_local_times_that_happen_twice_are_counted() -> None:
    cells = ["2024-10-27 02:30", "2024-10-27 02:10", "2024-10-27 03:30", "2024-10-27"]
    notes = understood({"time": cells}, "time.zone=Europe/Berlin").notes
    assert notes[1].startswith("2 times such as '2024-10-27 02:10' happen twice in Europe/Berlin")


def test_numbers_that_tell_decide_for_those_that_do_not() -> None:
    assert prices(["1.234", "2.50"]) == [12_340, 25_000]
    assert prices(["1.234", "2,50"]) == [12_340_000, 25_000]
    assert prices(["1,234", "0,001"]) == [12_340, 10]
    assert prices(["1,234", "1'250.00"]) == [12_340_000, 12_500_000]
    assert prices(["1.234"], quantity=["6.0"]) == [12_340]
    assert prices(["4.161", "6.950", "0.001"]) == [41_610, 69_500, 10]


def test_numbers_that_do_not_tell_are_asked_about_with_both_readings() -> None:
    with pytest.raises(
        AmbiguousError,
        match=r"^the number '1.234' can be 1.234 \(--set money.decimal=.\) or 1234 \(--set money.decimal=,\), and no",
    ):
        prices(["5", "1.234"])
    with pytest.raises(AmbiguousError, match=r"^the number '1,234 €' can be 1.234 \(--set money.decimal=,\) or 1234"):
        prices(["1,234 €"])
    assert prices(["1.234"], "money.decimal=.") == [12_340]
    assert prices(["1.234"], "money.decimal=,") == [12_340_000]


def test_numbers_that_tell_differently_are_read_as_they_are_written() -> None:
    cells = {"price": ["1.250,00", "2.50"]}
    found = understood(cells)
    assert [found.parsers["price"](cell) for cell in cells["price"]] == [12_500_000, 25_000]
    assert any("others a decimal comma" in note for note in found.notes)
    with pytest.raises(AmbiguousError, match=r"'1.234' can be"):
        prices([*cells["price"], "1.234"])


@pytest.mark.parametrize(
    ("cells", "currency"), [(["12.50 €"], "EUR"), (["£1", "2"], "GBP"), (["CAD 5", "$6"], "CAD"), (["5", "6"], "")]
)
def test_the_currency_that_the_file_says_completes_the_mapping(cells: list[str], currency: str) -> None:
    assert understood({"price": cells}).mapping.money.currency == currency


def test_a_column_of_currencies_says_the_currency() -> None:
    found = understood({"currency": ["EUR", "eur"]})
    assert found.mapping.money.currency == "EUR"
    assert found.parsers["currency"](" eur ") == "EUR"
    assert "Amounts are in EUR, as the file says." in found.notes


def test_what_is_not_found_out_stays_as_the_mapping_says() -> None:
    found = understood({}, "money.amount_of=row", "customers.real=NA").mapping
    assert (found.money.amount_of, found.customers.real, found.columns.time) == ("row", ("NA",), "time")


def test_two_currencies_are_an_error_unless_one_is_chosen() -> None:
    for cells in ({"price": ["£1", "2 €"]}, {"currency": ["EUR", "GBP"]}, {"price": ["£1"], "currency": ["EUR"]}):
        with pytest.raises(DataError, match=r"amounts are in two currencies, .*--set money.currency=...$") as caught:
            understood(cells)
        assert caught.value.hint is Hint.SKIP_OTHER_CURRENCIES
    found = understood({"currency": ["EUR", "GBP"]}, "money.currency=EUR")
    with pytest.raises(ValueError, match=r"^'GBP' is not the currency EUR$"):
        found.parsers["currency"]("GBP")


def test_a_symbol_of_several_currencies_is_asked_about_unless_the_setting_is_one_of_them() -> None:
    with pytest.raises(AmbiguousError, match=r"currency of '\$5' can be USD, CAD, .*--set money.currency=USD or --set"):
        understood({"price": ["$5"]}, currency="GBP")
    assert understood({"price": ["$5"]}, currency="CAD").mapping.money.currency == "CAD"
    assert understood({"price": ["$5"]}, "money.currency=AUD").parsers["price"]("$5") == 50_000


@pytest.mark.parametrize("text", ["nan", "NaN", "NULL", "None", "N/A", "#N/A", "<NA>", "null", "-", "NaT", "undefined"])
def test_a_text_for_a_missing_value_is_a_guest_with_a_note(text: str) -> None:
    found = understood({"customer": [text, "50001"]})
    assert [found.parsers["customer"](cell) for cell in (text, f" {text} ", "50001")] == [None, None, "50001"]
    assert f"The customer '{text}' is read as no customer, so these rows are guests" in found.notes[-1]
    real = understood({"customer": [text]}, f'customers.real=["{text}"]')
    assert real.parsers["customer"](text) == text
    named = understood({"customer": [text]}, f'customers.none=["{text}"]')
    assert named.parsers["customer"](text) is None
    assert len(named.notes) == len(real.notes) == 1


def test_a_shortened_id_is_asked_about() -> None:
    with pytest.raises(AmbiguousError, match=r"^the customer '1.23457E\+11' .*--set customers.scientific=accept$"):
        understood({"customer": ["a", "1.23457E+11"]})
    found = understood({"customer": ["1.23457E+11"]}, "customers.scientific=accept")
    assert found.parsers["customer"]("1.23457E+11") == "1.23457E+11"


def test_a_short_id_in_scientific_notation_is_kept_with_a_note() -> None:
    found = understood({"customer": ["1.785E+04", "17850"]})
    assert found.parsers["customer"]("1.785E+04") == "1.785E+04"
    assert found.notes[-1] == "Customers in scientific notation are kept as they are written: '1.785E+04'."


def test_what_was_found_out_does_not_depend_on_the_order_of_the_cells() -> None:
    rows = [f"{day:02}/{month:02}/2010" for day in range(1, 13) for month in range(1, 13)]
    messages = set()
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        with pytest.raises(AmbiguousError) as error:
            understood({"time": rows})
        messages.add(str(error.value))
    assert len(messages) == 1


CELLS = st.fixed_dictionaries(
    {
        "time": st.lists(st.dates().map(lambda day: f"{day:%d/%m/%Y}"), min_size=1, max_size=5),
        "price": st.lists(st.from_regex(r"[0-9]{1,3}[.,][0-9]{2,3}( €)?", fullmatch=True), min_size=1, max_size=5),
        "customer": st.lists(st.sampled_from(["nan", "a", "-", "1e5", "NULL"]), min_size=1, max_size=3),
    }
)


@given(CELLS)
def test_what_was_found_out_reads_the_file_again_as_before(cells: dict[str, list[str]]) -> None:
    try:
        found = understood(cells)
    except AmbiguousError:
        return
    again = find_out(found.mapping, lambda column: (PLAIN | cells)[column])
    assert again.mapping == found.mapping
    for column, parse in found.parsers.items():
        for cell in (PLAIN | cells)[column]:
            assert outcome(again.parsers[column], cell) == outcome(parse, cell)


def outcome(parse: object, cell: str) -> object:
    try:
        return parse(cell)  # type: ignore[operator]
    except ValueError as error:
        return str(error)
