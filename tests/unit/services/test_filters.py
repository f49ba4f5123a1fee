"""Filters of changes: a small language that can only compare."""

import operator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from typer.testing import CliRunner

from data.contract.events import SegmentChange, SegmentRef
from segue.cli.app import app
from services.filter_language import FilterError
from services.filters import parse, segments

SLIPPING = SegmentChange(
    customer_id="12346",
    sequence=3,
    from_=SegmentRef("promising", "Promising"),
    to=SegmentRef("at_risk", "At Risk"),
    cause="decay",
    effective_at=datetime(2010, 10, 27, 12, 58, tzinfo=UTC),
    recency_days=114,
    frequency=11,
    monetary="1372.865",
    model_version="k5-e460fdb171ec",
    transaction_id=None,
)
WITH_RETURNS = replace(SLIPPING, gross="1400.00", returned="27.135")
NEW = replace(SLIPPING, from_=None, cause="first_purchase", transaction_id="489434")


@pytest.mark.parametrize(
    "text",
    [
        "to=At Risk and monetary>1000",
        "to = at_risk",
        "TO='at risk' AND from=Promising",
        "monetary = 1372.865",
        "monetary >= 1372.8650 and monetary <= 1372.865",
        "monetary != 1000",
        "frequency < 12 and recency_days > 113.5",
        "sequence=3",
        "cause = decay and transaction = none",
        "from != none",
        "effective_at >= 2010-10-27 and effective_at < 2010-10-28",
        "effective_at = 2010-10-27T14:58:00+02:00",
        "customer = 12346",
        'model_version = "k5-e460fdb171ec"',
        "cause = purchase or to = Lost or to = At Risk",
        "cause = decay or cause = purchase and monetary > 9999",
        "(cause = decay or cause = purchase) and (monetary > 1000)",
        "((to=At Risk))",
    ],
)
def test_a_filter_matches_what_it_describes(text: str) -> None:
    assert parse(text)(SLIPPING)


@pytest.mark.parametrize(
    "text",
    [
        "to=At Risk and monetary>2000",
        "to = Risk",
        "to != at_risk",
        "(cause = decay or cause = purchase) and monetary > 9999",
        "from = none",
        "transaction = 489434",
        'transaction = "none"',
        "monetary < 1372.865",
        "effective_at < 2010-10-27",
    ],
)
def test_a_filter_does_not_match_anything_else(text: str) -> None:
    assert not parse(text)(SLIPPING)


def test_none_matches_a_missing_value() -> None:
    assert parse("from = none and transaction != none")(NEW)
    assert not parse("from = Promising")(NEW)
    assert parse("from != Promising")(NEW)


def test_gross_and_returned_are_numbers() -> None:
    assert parse("gross = 1400 and returned > 27 and returned < 27.2")(WITH_RETURNS)
    assert not parse("gross > 1400 or returned = none")(WITH_RETURNS)


def test_an_older_change_without_gross_is_not_comparable_with_a_number() -> None:
    assert parse("gross = none and returned = none and gross != 3")(SLIPPING)
    assert not parse("gross >= 0 or gross < 0 or gross = 0")(SLIPPING)


def test_a_quoted_value_may_contain_keywords_and_brackets() -> None:
    odd = replace(SLIPPING, to=SegmentRef("odd", "Come and go (or stay)"))
    assert parse("to = 'Come and go (or stay)' and sequence = 3")(odd)


def test_a_persona_that_begins_like_a_keyword_needs_no_quotes() -> None:
    odd = replace(SLIPPING, to=SegmentRef("odd", "Old Orchard android"))
    assert parse("to = Old Orchard android or sequence = 4")(odd)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a comparison like `monetary > 1000`, not the end"),
        ("monetary", "expected a comparison like `monetary > 1000`, not `monetary`"),
        ("monetary >", "not `monetary >`"),
        ("spent > 3", "changes have no field `spent`; they have customer, sequence, from, to"),
        ("monetary > lots", "`monetary` is compared with a number, not `lots`"),
        ("monetary > nan", "a number"),
        ("monetary > 1e9", "a number"),
        ("effective_at > yesterday", "a day or a moment like 2010-12-01"),
        ("to > Lost", "`to > Lost` has no meaning: use = or !="),
        ("transaction < none", "has no meaning"),
        ("to = Lost and", "not the end"),
        ("(to = Lost", "a bracket is not closed: expected `)`, not the end"),
        ("to = Lost) or", "expected `and`, `or` or the end, not `) or`"),
        ("to = 'Lost' 'Found'", "not `to = 'Lost' 'Found'`"),
        ("__import__('os')", "expected a comparison"),
        ("(" * 60 + "to = Lost", "more than 50 nested brackets"),
    ],
)
def test_an_invalid_filter_is_refused_on_one_line(text: str, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_command_line_refuses_before_it_connects_to_anything() -> None:
    refused = CliRunner().invoke(app, ["changes", "--where", "spent > 1000"])
    assert refused.exit_code == 1
    assert refused.output.startswith("error: --where: changes have no field `spent`")


@given(st.text(st.sampled_from("to=<>!'\"() andrmey10.\n\t-"), max_size=60) | st.text(max_size=60))
@example("to=\n")
@example("to=a\nb and\nmonetary>")
def test_any_text_is_parsed_or_refused_on_one_line(text: str) -> None:
    try:
        outcome = str(parse(text)(SLIPPING))
    except FilterError as error:
        outcome = str(error)
    assert outcome
    assert "\n" not in outcome


_SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_spaces = st.sampled_from(["", " ", "  "])
Expression = tuple[str, bool]


@st.composite
def _comparisons(draw: st.DrawFn) -> Expression:
    field, actual = draw(
        st.sampled_from([("monetary", Decimal("1372.865")), ("frequency", Decimal(11)), ("sequence", Decimal(3))])
    )
    sign = draw(st.sampled_from(sorted(_SIGNS)))
    value = draw(st.sampled_from([actual, Decimal("0.001"), Decimal(10_000), -actual]))
    return f"{field}{draw(_spaces)}{sign}{draw(_spaces)}{value}", _SIGNS[sign](actual, value)


def _joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def join(word: str, parts: list[Expression]) -> Expression:
        truths = [truth for _, truth in parts]
        text = f" {word} ".join(f"({part})" for part, _ in parts)
        return text, all(truths) if word == "and" else any(truths)

    return st.builds(join, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))


@given(st.recursive(_comparisons(), _joined, max_leaves=8))
def test_brackets_and_or_follow_boolean_logic(expression: Expression) -> None:
    text, truth = expression
    assert parse(text)(SLIPPING) is truth


@given(st.lists(st.lists(_comparisons(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_and_binds_tighter_than_or(rows: list[list[Any]]) -> None:
    text = " or ".join(" and ".join(part for part, _ in row) for row in rows)
    assert parse(text)(SLIPPING) is any(all(truth for _, truth in row) for row in rows)


@pytest.mark.parametrize("value", ["Decay", "FIRST_PURCHASE", "model"])
def test_the_case_of_a_cause_does_not_matter(value: str) -> None:
    parse(f"cause = {value}")


def test_another_cause_is_refused_and_all_are_named() -> None:
    with pytest.raises(
        FilterError,
        match="one of first_purchase, purchase, return, decay, model, first_model, revision, expiry, not `decai`",
    ):
        parse("cause != decai")


def test_the_segments_of_a_filter_are_those_it_compares_with() -> None:
    text = "(to = At Risk or FROM != 'Lost') and from != none and cause = decay"
    assert segments(text) == {"At Risk", "Lost"}
