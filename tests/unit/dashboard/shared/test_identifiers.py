"""Ids as they are typed."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared import identifiers
from dashboard.shared.identifiers import LONGEST, cleaned, readings, resolve
from runtime.readable import visible


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(identifiers) == (0, 2)


@given(st.text(max_size=200))
def test_postgres_accepts_any_cleaned_id(typed: str) -> None:
    found = cleaned(typed)
    assert len(found) <= LONGEST
    assert found == found.strip()
    assert all(character.isprintable() for character in found)
    found.encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=10))
def test_an_id_opens_by_itself_and_by_what_pages_show_of_it(customer: str) -> None:
    if customer.strip():
        shown = visible(customer)
        assert readings(customer)[0] == customer
        assert "\\" in customer or resolve(shown, {customer: 1}.get) == (customer, 1)


@given(st.integers(0, 10**9).map(str))
def test_a_number_is_left_as_it_is(number: str) -> None:
    assert cleaned(f"  {number}\n") == number
