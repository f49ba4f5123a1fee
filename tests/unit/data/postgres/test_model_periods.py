"""Which model was in force everywhere, and when, from what each partition knows."""

from datetime import UTC, datetime

from data.postgres.drift import ModelPeriod, PartitionModelPeriod, common


def at(day: int) -> datetime:
    return datetime(2011, 1, day, tzinfo=UTC)


def test_one_model_has_always_been_in_force() -> None:
    assert common([PartitionModelPeriod(0, "a", None, None), PartitionModelPeriod(1, "a", None, None)]) == [
        ModelPeriod("a", None, None)
    ]


def test_a_reign_ends_where_the_first_partition_leaves_it_and_begins_where_the_last_one_arrives() -> None:
    stints = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(1, "a", None, at(7)),
        PartitionModelPeriod(0, "b", at(5), None),
        PartitionModelPeriod(1, "b", at(7), None),
    ]
    assert common(stints) == [ModelPeriod("a", None, at(5)), ModelPeriod("b", at(7), None)]


def test_activating_what_is_in_force_begins_nothing_new() -> None:
    stints = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "a", at(5), at(9)),
        PartitionModelPeriod(0, "b", at(9), None),
    ]
    assert common(stints) == [ModelPeriod("a", None, at(9)), ModelPeriod("b", at(9), None)]


def test_a_model_may_reign_twice() -> None:
    stints = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "b", at(5), at(9)),
        PartitionModelPeriod(0, "a", at(9), None),
    ]
    assert [reign.model_version for reign in common(stints)] == ["a", "b", "a"]


def test_a_model_that_was_in_force_for_no_time_at_all_did_not_reign() -> None:
    stints = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "b", at(5), at(5)),
        PartitionModelPeriod(0, "c", at(5), None),
    ]
    assert [reign.model_version for reign in common(stints)] == ["a", "c"]


def test_where_partitions_disagree_nobody_reigns() -> None:
    assert common([PartitionModelPeriod(0, "a", None, None), PartitionModelPeriod(1, "b", None, None)]) == []
    assert common([]) == []
