"""Ids are kept as they are written, except for blanks around them and the fraction that a float has left."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.contract.wire import UNSPECIFIED, Identifier
from data.datasets import texts
from data.datasets.cells import trimmed
from data.datasets.customers import CustomerCells

customer = CustomerCells(frozenset(("nan",)), frozenset(), scientific=False).parse


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("17850", "17850"),
        ("17850.0", "17850"),
        ("017850", "017850"),
        (" ann@example.org ", "ann@example.org"),
        ("\xa0ann\u3000\ufeff", "ann"),
        ("Ann@Example.org", "Ann@Example.org"),
        ("7B1D20AC-11E2", "7B1D20AC-11E2"),
        ("gid://shopify/Customer/7", "gid://shopify/Customer/7"),
        ("Zoe\u0308", "Zoe\u0308"),
        ("Zo\u00eb", "Zo\u00eb"),
        ("a\u2028b\u202e", "a\u2028b\u202e"),
        ("1.5", "1.5"),
        ("x" * 64, "x" * 64),
    ],
)
def test_an_id_is_kept_as_it_is_written(cell: str, name: str) -> None:
    assert texts.identifier(cell) == customer(cell) == name


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("x" * 65, "is longer than 64 characters"),
        ("a\tb", "has control characters"),
        ("a\x00b", "has control"),
        (" ", "empty"),
    ],
)
def test_an_id_that_the_worker_would_refuse_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        texts.identifier(cell)


def test_a_blank_customer_is_a_guest() -> None:
    assert [customer(cell) for cell in ("", " ", "\xa0", "\u3000\ufeff", "nan", " NaN ")] == [None] * 6


def test_a_country_is_a_label_and_a_blank_one_is_unspecified() -> None:
    assert (texts.country(" EIRE "), texts.country(" ")) == ("EIRE", UNSPECIFIED)
    with pytest.raises(ValueError, match="longer than 64"):
        texts.country("x" * 65)


def test_a_keyword_has_one_spelling() -> None:
    assert texts.keyword(" Cancelled ") == "cancelled"
    assert (texts.description(""), texts.description(" A ")) == (None, " A ")


@given(st.text(max_size=70))
def test_every_id_of_a_file_is_an_id_on_the_wire(cell: str) -> None:
    try:
        name = texts.identifier(cell)
    except ValueError:
        return
    assert msgspec.convert(name, Identifier) == name == trimmed(name)
