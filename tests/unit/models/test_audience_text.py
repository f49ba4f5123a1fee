"""The text of an audience's definition: it is read back as it was written, and what can't be read is said in a line."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.audience import AudienceDefinition, AudienceError, Range
from models.audience_text import checked, one_value, parse, to_text
from models.rhythm.risk import RISK_STATES
from tests.support.examples import examples

_words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
_texts = st.lists(_words, max_size=3, unique=True).map(tuple)
_whole = st.none() | st.integers(0, 999_999_999)
_amount = st.none() | st.integers(-(10**12), 10**12).map(lambda units: Decimal(units).scaleb(-4).normalize() + 0)


def _ranges(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Range]:
    def ordered(ends: tuple[Any, Any]) -> Range:
        known = sorted(end for end in ends if end is not None)
        return Range(*known) if len(known) == 2 else Range(*ends)

    return st.tuples(numbers, numbers).map(ordered)


definitions = st.builds(
    AudienceDefinition,
    segments=_texts,
    risk_states=st.lists(st.sampled_from(RISK_STATES), unique=True).map(tuple),
    countries=_texts,
    recency_days=_ranges(_whole),
    frequency=_ranges(_whole),
    net_spend=_ranges(_amount),
    at_stake=_ranges(_amount),
    moved_from=_texts,
    moved_to=_texts.filter(bool),
    since=st.none() | st.dates() | st.integers(1, 36_500),
)


@settings(max_examples=examples(300), deadline=None)
@given(definitions)
def test_a_definition_is_read_back_as_it_was_written(definition: AudienceDefinition) -> None:
    text = to_text(definition)
    assert parse(text) == definition
    assert to_text(parse(text)) == text


def test_an_audience_of_all_customers_has_no_filter() -> None:
    assert to_text(AudienceDefinition()) == "everyone"
    assert parse(" Everyone ") == AudienceDefinition()


def test_case_order_and_blanks_do_not_matter() -> None:
    text = 'NET_SPEND>=500.50 AND  Risk = Presumed lost,  overdue and segment = "At Risk"  and net_spend<=1000'
    assert to_text(parse(text)) == (
        "segment = At Risk and risk = presumed_lost, overdue and net_spend >= 500.5 and net_spend <= 1000"
    )


def test_one_number_is_a_range() -> None:
    assert parse("frequency = 2").frequency == Range(2, 2)


def test_since_is_a_day_or_a_number_of_days() -> None:
    assert parse("moved_to = lost and since = 2011-06-01").since == date(2011, 6, 1)
    assert parse("moved_to = lost and since = 30 days").since == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`everyone` has none"),
        ("Champions", "expected a filter such as `risk = overdue`"),
        ("colour = red", "no filter `colour`; the filters are segment, risk, country"),
        ("risk = lost", "`risk` is one of on_rhythm, due, overdue, presumed_lost, not `lost`"),
        ("risk >= due", "`risk` takes `=`"),
        ("segment = lost and segment = loyal", "`segment` is there twice"),
        ("segment = lost,", "lacks a value beside a comma"),
        ('country = "France', "a quotation mark is not closed"),
        ("country = a=b", "must be in quotation marks"),
        ("frequency > 2", "takes `>=`, `<=` or `=`"),
        ("frequency >= 2.5", "a whole number"),
        ("frequency >= -1", "a whole number"),
        ("frequency >= 9 and frequency <= 3", "no number is in the range"),
        ("net_spend >= 1e5", "an amount such as 500"),
        ("net_spend >= nan", "an amount such as 500"),
        ("net_spend >= 5 and net_spend >= 6", "is there twice"),
        ("since = 30d", "add moved_from or moved_to"),
        ("moved_to = lost and since = 0d", "a day such as 2011-06-01"),
        ("moved_to = lost and since = 2011-02-30", "a day such as 2011-06-01"),
        ("segment = " + "x" * 5_000, "more than 4,000 characters"),
    ],
)
def test_what_is_no_definition_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(AudienceError, match=said.replace("(", r"\(")) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_a_range_that_is_made_otherwise_is_checked_in_the_same_way() -> None:
    with pytest.raises(AudienceError, match="no number"):
        checked(AudienceDefinition(frequency=Range(3, 2)))


def test_one_value_of_a_filter_is_read_as_in_the_text() -> None:
    assert one_value("risk", "Presumed lost") == "presumed_lost"
    with pytest.raises(AudienceError, match="`recency_days` is a whole number"):
        one_value("recency_days", "soon")
