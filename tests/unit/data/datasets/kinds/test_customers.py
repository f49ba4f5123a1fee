"""Customers as shops write them: nobody becomes somebody, and nobody becomes somebody else."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from tests.support.shop_readings import read, rows


def _of(*customers: str) -> str:
    lines = (f'{900000 + i},A,MUG,1,2010-12-01 08:{i:02},2.50,"{customer}",UK' for i, customer in enumerate(customers))
    return rows(*lines)


@pytest.mark.parametrize(
    "nobody",
    [
        "nan",
        "NaN",
        "NULL",
        "null",
        "None",
        "N/A",
        "n/a",
        "#N/A",
        "<NA>",
        "-",
        "",
        " ",
        "\u00a0",
        "NaT",
        "--",
        "\\N",
        "[NULL]",
        "#REF!",
        "n.a.",
    ],
)
def test_texts_that_mean_nobody_are_guests_and_the_notes_name_them(tmp_path: Path, nobody: str) -> None:
    found = read(tmp_path, _of("50001", nobody, "50002"))
    assert found.customers == ["50001", "50002"]
    assert found.guest_rows == 1
    assert not nobody.strip() or nobody in found.notes


def test_a_setting_says_that_such_a_text_is_a_customer(tmp_path: Path) -> None:
    assert read(tmp_path, _of("50001", "None"), 'customers.real=["None"]').customers == ["50001", "None"]


def test_a_setting_names_a_shops_own_text_for_nobody(tmp_path: Path) -> None:
    assert read(tmp_path, _of("50001", "GUEST"), 'customers.none=["GUEST"]').customers == ["50001"]


@pytest.mark.parametrize(
    ("written", "customer"),
    [
        ("17850.0", "17850"),
        ("17850", "17850"),
        ("017850", "017850"),
        (" 17850 ", "17850"),
        ("\u00a0ann@example.org ", "ann@example.org"),
        ("Ann@Example.org", "Ann@Example.org"),
        ("gid://shopify/Customer/7", "gid://shopify/Customer/7"),
        ("7B1D20AC-11E2-4C5F-8A90-55D0C3E4F6A1", "7B1D20AC-11E2-4C5F-8A90-55D0C3E4F6A1"),
        ("Zoe\u0308 1", "Zoe\u0308 1"),
        ("x" * 64, "x" * 64),
        ("1E5X", "1E5X"),
        ("1234567890123456789012", "1234567890123456789012"),
    ],
)
def test_an_id_is_kept_as_it_is_but_for_blanks_around_it(tmp_path: Path, written: str, customer: str) -> None:
    assert read(tmp_path, _of(written)).customers == [customer]


@pytest.mark.parametrize("written", ["1.23457E+11", "1.2E+11", "9.87654e+15", "1,23457E+11", "4E+12"])
def test_an_id_in_scientific_notation_is_asked_about(tmp_path: Path, written: str) -> None:
    with pytest.raises(DataError, match=r"customers\.scientific") as caught:
        read(tmp_path, _of("50001", written, written))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["f" * 65, "f" * 128, "a\x00b", "a\x07b", "a\tb"])
def test_an_id_that_the_worker_would_refuse_is_refused_here_with_its_place(tmp_path: Path, written: str) -> None:
    with pytest.raises(DataError, match=r"CustomerID|shop\.csv"):
        read(tmp_path, _of("50001", written))


def test_a_note_counts_the_rows_of_a_text_that_means_nobody(tmp_path: Path) -> None:
    notes = read(tmp_path, _of("50001", "NULL", " NULL", "\\N")).notes
    assert "'NULL', '\\\\N' (3 rows)" in notes


@pytest.mark.parametrize("written", ["0", "0.0", "-1", "Guest", "unknown", "Gast"])
def test_a_text_that_may_mean_nobody_is_in_a_note_with_its_rows_and_the_setting(tmp_path: Path, written: str) -> None:
    notes = read(tmp_path, _of("50001", written, written)).notes
    assert f"{written!r} (2 rows)" in notes
    assert "customers.none" in notes


def test_an_id_that_is_wrapped_for_excel_is_the_id(tmp_path: Path) -> None:
    assert read(tmp_path, _of('=""00123""', "00123")).customers == ["00123", "00123"]


def test_a_customer_who_stands_for_many_is_in_a_note(tmp_path: Path) -> None:
    notes = read(tmp_path, _of(*["TILL"] * 30, *(f"k{number}" for number in range(29)))).notes
    assert "'TILL' has 30 of 59 transactions" in notes
