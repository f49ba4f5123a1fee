"""The life of a partition: the table is complete, nothing leaves it silently, and the documentation shows it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.partition_life import TRANSITIONS, Event, Life, LifeError, State, Transition
from stream_app.partition_life_page import PAGE, REGENERATE, page
from stream_app.partitions.bisection import blames_a_record

ALL = [Transition(before, event, after) for before, events in TRANSITIONS.items() for event, after in events.items()]
# What a partition task does not leave by itself: it waits for a request to stop, or does nothing any more.
WITHOUT_WORK = {State.ASSIGNED, State.REFUSED}
BEGINS_A_CLAIM = {Event.CLAIMED}
ENDS_A_CLAIM = {Event.FENCED, Event.STOPPED, Event.PUBLISHED}


def reached_from(state: State) -> set[State]:
    """All states that some events lead to."""
    found, new = {state}, [state]
    while new:
        later = set(TRANSITIONS[new.pop()].values()) - found
        found |= later
        new.extend(later)
    return found


@given(st.lists(st.sampled_from(Event)))
def test_no_sequence_of_events_leaves_the_table_silently(events: Sequence[Event]) -> None:
    seen: list[Transition] = []
    life = Life(seen.append)
    for event in events:
        before, count = life.state, len(seen)
        if event in TRANSITIONS[before]:
            life.on(event)
            assert seen[count:] == [Transition(before, event, TRANSITIONS[before][event])]
            assert life.state is TRANSITIONS[before][event]
        else:
            with pytest.raises(LifeError, match=f"{event.value}.* while .*{before.value}"):
                life.on(event)
            assert (life.state, len(seen)) == (before, count)


def test_every_state_is_reached_and_reaches_the_end() -> None:
    assert reached_from(State.ASSIGNED) == set(State) == set(TRANSITIONS)
    assert [state for state in State if State.ENDED not in reached_from(state)] == []
    assert reached_from(State.ENDED) == {State.ENDED}


def test_every_event_happens_in_some_state() -> None:
    assert {transition.event for transition in ALL} == set(Event)


def test_a_request_to_stop_is_obeyed_and_a_failure_survived_in_every_state() -> None:
    assert [state for state in State if Event.STOPPED not in TRANSITIONS[state]] == []
    assert {state for state in State if Event.FAILED not in TRANSITIONS[state]} == WITHOUT_WORK
    failures = [transition for transition in ALL if transition.event is Event.FAILED]
    assert [str(failure) for failure in failures if failure.before.holds_claim != failure.after.holds_claim] == []
    assert [str(failure) for failure in failures if failure.after.applies] == []


def test_a_claim_begins_and_ends_with_the_events_that_say_so() -> None:
    for before, event, after in ALL:
        if before.holds_claim != after.holds_claim:
            assert event in (BEGINS_A_CLAIM if after.holds_claim else ENDS_A_CLAIM)
    assert [state for state in State if state.applies and not state.is_claimed] == []
    assert [state for state in State if state.is_claimed and not state.holds_claim] == []


def test_no_customer_skips_a_model() -> None:
    life = Life(lambda _: None)
    for event in (Event.BEGUN, Event.CLAIMED, Event.READY):
        life.on(event)
    with pytest.raises(LifeError):
        life.on(Event.ACTIVATED)
    life.on(Event.ALL_RESCORED)
    life.on(Event.ACTIVATED)
    assert life.state is State.RESCORING


@pytest.mark.parametrize("state", [state for state in State if not state.applies])
def test_nothing_is_committed_in_a_state_that_applies_nothing(state: State) -> None:
    life = Life(lambda _: None)
    life.state = state
    with pytest.raises(LifeError, match=f"a commit while .*{state.value}"):
        life.require_applying()


def test_an_impossible_event_is_no_fault_of_a_record() -> None:
    assert not blames_a_record(LifeError("impossible"))


def test_the_documentation_shows_the_table() -> None:
    text = PAGE.read_text()
    assert text == page(text), f"{PAGE.name} is out of date: run `{REGENERATE}`"
    shown = {line.strip() for line in text.splitlines()}
    assert [str(each) for each in ALL if f"{each.before.name} --> {each.after.name}: {each.event}" not in shown] == []
