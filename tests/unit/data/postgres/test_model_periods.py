"""Model periods of the whole stream, computed from the periods of each partition."""

from datetime import UTC, datetime

from data.postgres.drift import ModelPeriod, PartitionModelPeriod, common_periods


def at(day: int) -> datetime:
    return datetime(2011, 1, day, tzinfo=UTC)


def test_a_model_that_has_always_been_active_has_one_period() -> None:
    assert common_periods([PartitionModelPeriod(0, "a", None, None), PartitionModelPeriod(1, "a", None, None)]) == [
        ModelPeriod("a", None, None)
    ]


def test_a_period_lasts_from_the_last_partition_to_activate_to_the_first_one_to_replace() -> None:
    periods = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(1, "a", None, at(7)),
        PartitionModelPeriod(0, "b", at(5), None),
        PartitionModelPeriod(1, "b", at(7), None),
    ]
    assert common_periods(periods) == [ModelPeriod("a", None, at(5)), ModelPeriod("b", at(7), None)]


def test_activating_the_active_model_begins_no_new_period() -> None:
    periods = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "a", at(5), at(9)),
        PartitionModelPeriod(0, "b", at(9), None),
    ]
    assert common_periods(periods) == [ModelPeriod("a", None, at(9)), ModelPeriod("b", at(9), None)]


def test_a_model_may_have_two_periods() -> None:
    periods = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "b", at(5), at(9)),
        PartitionModelPeriod(0, "a", at(9), None),
    ]
    assert [period.model_version for period in common_periods(periods)] == ["a", "b", "a"]


def test_a_model_that_is_replaced_at_once_has_no_period() -> None:
    periods = [
        PartitionModelPeriod(0, "a", None, at(5)),
        PartitionModelPeriod(0, "b", at(5), at(5)),
        PartitionModelPeriod(0, "c", at(5), None),
    ]
    assert [period.model_version for period in common_periods(periods)] == ["a", "c"]


def test_while_partitions_have_different_models_there_is_no_period() -> None:
    assert common_periods([PartitionModelPeriod(0, "a", None, None), PartitionModelPeriod(1, "b", None, None)]) == []
    assert common_periods([]) == []
