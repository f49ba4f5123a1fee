import pytest

from segue.doctor import stream
from segue.doctor.stream import Partition


def partition(**changed: object) -> Partition:
    return Partition(0, 100, 100, 1.0, 0, None, 0)._replace(**changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ahead", "level"), [(0.3, "ok"), (-0.3, "ok"), (5, "warning"), (-5, "warning"), (90, "problem"), (-90, "problem")]
)
def test_clocks_must_agree(ahead: float, level: str) -> None:
    assert stream.clock("Postgres' clock", ahead).level == level


@pytest.mark.parametrize(("ahead", "level"), [(None, "ok"), (-3600, "ok"), (5, "warning"), (120, "problem")])
def test_the_newest_record_must_not_be_from_the_future(ahead: float | None, level: str) -> None:
    assert stream.newest_record(ahead).level == level


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({}, None),
        ({"end": None}, None),
        ({"end": 200}, None),
        ({"end": 200, "commit_age": 60.0}, "100 records behind, and no commit for 60 s"),
        ({"failures": 3, "failure": "no room"}, "3 failures in a row: no room"),
        ({"end": 40}, "the log ends at 40, before the stored next offset 100"),
    ],
)
def test_a_partition_that_makes_no_progress_is_a_problem(changed: dict[str, object], text: str | None) -> None:
    found = stream.partition(partition(**changed), 15)
    assert (None if found is None else (found.level, found.text)) == (None if text is None else ("problem", text))


def test_progress_is_one_line_if_nothing_is_wrong() -> None:
    rows = [partition(end=150, to_publish=7), partition(number=1)]
    assert [found.text for found in stream.progress(rows, 2, 15)] == ["50 records behind, 7 changes to publish"]


def test_a_partition_that_was_never_claimed_is_a_problem() -> None:
    assert [found.level for found in stream.progress([], 2, 15)] == ["warning"]
    assert [found.text for found in stream.progress([partition()], 3, 15)] == ["never claimed: 1, 2"]


def test_an_unresolved_fault_of_the_log_is_a_problem() -> None:
    assert stream.log_faults([]).level == "ok"
    assert stream.log_faults(["truncated in partition 0"]).level == "problem"
