"""Which model was in force everywhere, and when, from what each partition knows."""

from datetime import UTC, datetime

from data.postgres.drift import Reign, Stint, common


def at(day: int) -> datetime:
    return datetime(2011, 1, day, tzinfo=UTC)


def test_one_model_has_always_been_in_force() -> None:
    assert common([Stint(0, "a", None, None), Stint(1, "a", None, None)]) == [Reign("a", None, None)]


def test_a_reign_ends_where_the_first_partition_leaves_it_and_begins_where_the_last_one_arrives() -> None:
    stints = [
        Stint(0, "a", None, at(5)),
        Stint(1, "a", None, at(7)),
        Stint(0, "b", at(5), None),
        Stint(1, "b", at(7), None),
    ]
    assert common(stints) == [Reign("a", None, at(5)), Reign("b", at(7), None)]


def test_activating_what_is_in_force_begins_nothing_new() -> None:
    stints = [Stint(0, "a", None, at(5)), Stint(0, "a", at(5), at(9)), Stint(0, "b", at(9), None)]
    assert common(stints) == [Reign("a", None, at(9)), Reign("b", at(9), None)]


def test_a_model_may_reign_twice() -> None:
    stints = [Stint(0, "a", None, at(5)), Stint(0, "b", at(5), at(9)), Stint(0, "a", at(9), None)]
    assert [reign.model_version for reign in common(stints)] == ["a", "b", "a"]


def test_a_model_that_was_in_force_for_no_time_at_all_did_not_reign() -> None:
    stints = [Stint(0, "a", None, at(5)), Stint(0, "b", at(5), at(5)), Stint(0, "c", at(5), None)]
    assert [reign.model_version for reign in common(stints)] == ["a", "c"]


def test_where_partitions_disagree_nobody_reigns() -> None:
    assert common([Stint(0, "a", None, None), Stint(1, "b", None, None)]) == []
    assert common([]) == []
