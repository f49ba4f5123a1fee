"""Counts with their nouns."""

from runtime.counts import many


def test_a_count_of_one_has_the_singular() -> None:
    assert (many(0, "day"), many(1, "day"), many(1_234, "day")) == ("0 days", "1 day", "1,234 days")


def test_a_plural_may_be_given_with_what_follows_it() -> None:
    assert [many(number, "country is", "countries are") for number in (0, 1, 2)] == [
        "0 countries are",
        "1 country is",
        "2 countries are",
    ]
