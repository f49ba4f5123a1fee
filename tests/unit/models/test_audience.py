"""Audiences: their names, their segments, and the filters that need predictions."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from models.audience import (
    NO_STATE,
    AudienceDefinition,
    AudienceError,
    Range,
    checked_name,
    in_risk,
    with_known_segments,
)

PERSONAS = {"champions": "Champions", "at_risk": "At Risk"}
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["VIPs", "Lapsed Champions (2011)".replace("(", "").replace(")", ""), "A&B + C", "Ä_1"]
)
def test_a_name_is_a_few_readable_words(name: str) -> None:
    assert checked_name(f"  {name} ") == name


@pytest.mark.parametrize("name", ["", " ", ".", "..", "-x", "a/b", "a\nb", "\u202e", "x" * 65, "a;b", "a "[:0]])
def test_what_can_be_no_part_of_a_path_is_no_name(name: str) -> None:
    with pytest.raises(AudienceError, match="a name has 1 to 64"):
        checked_name(name)


def test_segments_are_known_by_id_or_name_in_any_case() -> None:
    definition = AudienceDefinition(segments=("At risk", "AT_RISK", "champions"), moved_from=("CHAMPIONS",))
    known = with_known_segments(definition, PERSONAS)
    assert (known.segments, known.moved_from) == (("at_risk", "champions"), ("champions",))


@pytest.mark.parametrize(
    "definition",
    [
        AudienceDefinition(segments=("Champs",)),
        AudienceDefinition(moved_from=("Champs",)),
        AudienceDefinition(moved_to=("lost", "Champs")),
    ],
)
def test_an_unknown_segment_is_refused_with_those_that_there_are(definition: AudienceDefinition) -> None:
    with pytest.raises(
        AudienceError, match="no model has a segment `Champs`; the segments are At Risk, Champions, Lost"
    ):
        with_known_segments(definition, PERSONAS | {"lost": "Lost"})


def test_days_since_a_move_count_from_the_moment_at_which_the_audience_is_asked_for() -> None:
    assert AudienceDefinition(since=30).since_moment(NOW) == datetime(2011, 5, 16, 9, 30, tzinfo=UTC)
    assert AudienceDefinition(since=date(2011, 6, 1)).since_moment(NOW) == datetime(2011, 6, 1, tzinfo=UTC)
    assert AudienceDefinition().since_moment(NOW) is None


def test_days_that_begin_before_all_moments_are_ever() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert AudienceDefinition(since=36_500).since_moment(datetime(90, 1, 1, tzinfo=UTC)) is None
    assert AudienceDefinition(since=1).since_moment(datetime(1, 1, 2, tzinfo=UTC)) == first


def test_a_customer_without_an_order_left_is_in_no_risk_state() -> None:
    state, stake = np.array([0, 2, 3, NO_STATE]), np.array([50.0, 100.0, 10.0, 0.0])
    overdue = AudienceDefinition(risk_states=("overdue", "presumed_lost"))
    assert in_risk(overdue, state, stake).tolist() == [False, True, True, False]
    assert in_risk(AudienceDefinition(at_stake=Range(50, 99)), state, stake).tolist() == [True, False, False, False]
    assert in_risk(AudienceDefinition(), state, stake).all()
