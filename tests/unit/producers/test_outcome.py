"""The counts of an outcome, against what was injected, and as an exit code and a line."""

from dataclasses import replace

import msgspec
import pytest

from producers.chaos import CONFLICT, Injected
from producers.outcome import ReplayOutcome
from segue.cli.replay_report import exit_code, outcome_line

CLEAN = ReplayOutcome(10, 10, 0, 0, {}, 0, 0, {}, 0)
INJECTED = Injected(duplicates=2, held_back=1, late=3, malformed=1, conflicts=1)
DISTURBED = ReplayOutcome(14, 10, 2, 3, {"broken": 1, CONFLICT: 1}, 0, 0, {}, 0)


def _with(outcome: ReplayOutcome, **fields: object) -> ReplayOutcome:
    return msgspec.structs.replace(outcome, **fields)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (CLEAN, 0),
        (_with(CLEAN, applied=8, duplicates=2), 0),
        (_with(CLEAN, late=4), 0),
        (_with(CLEAN, applied=9, dead_letters={"broken": 1}), 1),
        (_with(CLEAN, applied=9, not_applied=1), 1),
        (_with(CLEAN, applied=9, unaccounted=1), 1),
        (_with(CLEAN, control_dead_letters={"unsigned": 4}), 1),
    ],
)
def test_only_what_was_applied_now_or_before_is_a_success(outcome: ReplayOutcome, code: int) -> None:
    assert exit_code(outcome, None, []) == code


def test_the_outcome_of_chaos_is_compared_count_by_count() -> None:
    assert DISTURBED.differences(INJECTED, 0, compare_late=True) == []
    assert exit_code(DISTURBED, INJECTED, []) == 0
    known = _with(DISTURBED, applied=6, duplicates=6)
    assert known.differences(INJECTED, 4, compare_late=True) == []
    wrong = _with(DISTURBED, duplicates=1, late=5, dead_letters={"broken": 2})
    assert wrong.differences(INJECTED, 0, compare_late=True) == [
        "1 duplicate instead of 2",
        "2 malformed instead of 1",
        "0 conflicts instead of 1",
        "5 late instead of 3",
    ]
    assert exit_code(wrong, INJECTED, ["1 duplicate instead of 2"]) == 1


def test_late_transactions_of_others_are_no_difference() -> None:
    late = _with(DISTURBED, late=9)
    assert late.differences(INJECTED, 0, compare_late=False) == []
    assert _with(late, others=3).differences(INJECTED, 0, compare_late=True) == []


def test_the_last_line_names_the_reasons_and_the_next_step() -> None:
    letters = {f"reason {number}": 9 - number for number in range(5)}
    line = outcome_line(_with(CLEAN, applied=0, dead_letters=letters))
    assert "35 dead letters (9: reason 0; 8: reason 1; 7: reason 2; 2 other reasons; see `segue dlq list`)" in line
    assert outcome_line(CLEAN) == "10 sent: 10 applied (0 late), 0 duplicates, 0 dead letters, 0 not applied yet"
    assert outcome_line(CLEAN, stopped=True).startswith("stopped: 10 sent")
    assert "1 unaccounted for" in outcome_line(_with(CLEAN, unaccounted=1))
    assert "4 ticks are dead letters (4: unsigned" in outcome_line(_with(CLEAN, control_dead_letters={"unsigned": 4}))
    assert "(2 late, with those of 7 records of others)" in outcome_line(_with(CLEAN, late=2, others=7))


def test_extra_records_are_counted_together() -> None:
    assert (INJECTED.dead_letters, INJECTED.extra) == (2, 4)
    assert replace(INJECTED, malformed=0).extra == 3
