"""Simulated histories have every transition in the life of a partition; rare ones have a test of their own."""

from pathlib import Path

import pytest

from sim.campaign import plan_of, run
from sim.postgres.server import PostgresServer
from stream_app.partition_life import TRANSITIONS, Event, State, Transition
from tests.support.seeds import seeds_beginning_with

MOST_SEEDS = 400
# Their histories have every transition between them: the order of the seeds only saves time.
FIRST_SEEDS = (11, 40, 53, 69, 9)
# Too rare for a history, or impossible without Faust.
ELSEWHERE = Path(__file__).parents[1] / "stream_app" / "partitions" / "test_partition_life.py"
RARE = {
    (State.ASSIGNED, Event.REFUSED): "test_a_partition_that_was_added_later_is_refused_until_it_is_released",
    (State.REFUSED, Event.STOPPED): "test_a_partition_that_was_added_later_is_refused_until_it_is_released",
    (State.ASSIGNED, Event.STOPPED): "test_a_partition_that_is_released_before_its_task_runs_is_at_its_end",
    (State.COLLECTING, Event.FENCED): "test_a_partition_without_a_model_is_fenced_at_its_first_records",
    (State.RESCORING, Event.FENCED): "test_a_partition_whose_customers_are_rescored_is_fenced_at_the_first_chunk",
    (State.FENCED, Event.FAILED): "test_a_task_whose_relay_can_not_be_closed_still_waits_for_its_successor",
    (State.STOPPING, Event.FAILED): "test_a_cancelled_task_may_fail_while_or_after_it_is_released",
    (State.ENDED, Event.FAILED): "test_a_cancelled_task_may_fail_while_or_after_it_is_released",
}


def test_every_transition_happens_in_some_history(server: PostgresServer) -> None:
    left = {
        str(Transition(before, event, after))
        for before, events in TRANSITIONS.items()
        for event, after in events.items()
        if (before, event) not in RARE
    }
    for seed in seeds_beginning_with(FIRST_SEEDS, MOST_SEEDS):
        left -= set(run(plan_of(seed), server).reached)
        if not left:
            break
    assert left == set()


@pytest.mark.parametrize(("state", "event"), RARE)
def test_a_rare_transition_has_a_test_of_its_own(state: State, event: Event) -> None:
    assert event in TRANSITIONS[state]
    assert f"def {RARE[state, event]}(" in ELSEWHERE.read_text()


def test_an_impossible_event_is_a_problem_of_the_history(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not taken out of the table: an entry that is put back would be its last one.
    others = {event: to for event, to in TRANSITIONS[State.RESCORING].items() if event is not Event.ALL_RESCORED}
    monkeypatch.setitem(TRANSITIONS, State.RESCORING, others)
    assert "impossible in the life of a partition" in run(plan_of(1), server).problems[0]
