"""Filters of risk changes: the language of filters, with the fields of risk changes."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from data.contract.events import RiskChange, RiskStateName
from services.filter_language import FilterError
from services.risk_filters import parse

STATES = get_args(RiskStateName)
LATE = RiskChange(
    customer_id="12346",
    sequence=4,
    from_="due",
    to="overdue",
    cause="silence",
    effective_at=datetime(2010, 10, 27, 12, 58, tzinfo=UTC),
    frequency=11,
    last_purchase_at=datetime(2010, 7, 5, 8, tzinfo=UTC),
    next_state="presumed_lost",
    next_at=datetime(2011, 2, 1, tzinfo=UTC),
    rhythm_version="r-1",
    transaction_id=None,
)
GONE = replace(
    LATE, to=None, next_state=None, next_at=None, last_purchase_at=None, rhythm_version=None, cause="revision"
)


@pytest.mark.parametrize(
    "text",
    [
        "to = overdue",
        "TO = Overdue and FROM != on_rhythm",
        "to = overdue or to = presumed_lost",
        "cause = silence and transaction = none",
        "frequency >= 10 and sequence = 4",
        "customer = 12346",
        "effective_at >= 2010-10-27 and last_purchase_at < 2010-07-06",
        "next_state = presumed_lost and next_at < 2011-02-02",
        "rhythm_version = r-1",
    ],
)
def test_a_filter_matches_what_it_describes(text: str) -> None:
    assert parse(text)(LATE)


def test_a_change_out_of_all_states_has_none() -> None:
    assert parse("to = none and next_at = none and next_state = none")(GONE)
    assert not parse("next_at > 2000-01-01")(GONE)
    assert not parse("to = overdue")(GONE)
    assert parse("to != overdue")(GONE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("to = At Risk", "`to` is compared with one of on_rhythm, due, overdue, presumed_lost, not `At Risk`"),
        ("from > due", "`from > due` has no meaning: use = or !="),
        ("cause = decay", "`cause` is compared with one of first_purchase, purchase, silence, model, revision"),
        ("monetary > 1000", "risk changes have no field `monetary`; they have customer, sequence, from, to, cause"),
        ("audience = spring", "risk changes have no field `audience`"),
        ("to", "expected a comparison like `to = overdue`, not `to`"),
    ],
)
def test_what_a_risk_change_does_not_have_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.sampled_from(STATES), st.sampled_from([*STATES, None]), st.sampled_from(STATES))
def test_a_state_and_its_negation_never_both_match(state: str, to: RiskStateName | None, other: str) -> None:
    change = replace(LATE, to=to)
    assert parse(f"to = {state}")(change) == (to == state)
    assert parse(f"to = {state}")(change) != parse(f"to != {state}")(change)
    assert parse(f"to = {state} or to = {other}")(change) == (to in (state, other))
