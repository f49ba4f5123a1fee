"""The list of risk changes on the page Customer."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from dashboard.customer import risk_markup
from dashboard.shared import style

AT = datetime(2010, 5, 2, 7, 31, tzinfo=UTC)


def change(**values: Any) -> dict[str, Any]:
    plain = {"sequence": 4, "from_state": "due", "to_state": "overdue", "cause": "silence"}
    return {**plain, "effective_at": AT, "transaction_id": "", **values}


def past(*changes: dict[str, Any]) -> str:
    return risk_markup.past(pd.DataFrame([*changes]))


def test_a_change_has_its_moment_both_states_and_time_alone_as_its_cause() -> None:
    shown = past(change())
    assert f'title="{AT.isoformat()}"' in shown
    assert shown.index(">Due<") < shown.index(">Overdue<") < shown.index(">time alone<")


def test_an_order_that_ended_the_silence_is_named_and_escaped() -> None:
    shown = past(change(to_state="on_rhythm", cause="purchase", transaction_id="<b>17"))
    assert ">bought<" in shown
    assert "&lt;b&gt;17" in shown
    assert "<b>17" not in shown


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        (
            {"from_state": "", "to_state": "on_rhythm", "cause": "first_purchase", "sequence": 1},
            "New customer",
            "On rhy",
        ),
        ({"from_state": "", "to_state": "on_rhythm", "cause": "first_purchase"}, "Without orders", "On rhythm"),
        ({"from_state": "", "cause": "revision"}, "Without orders", "Overdue"),
        ({"to_state": "", "cause": "revision"}, "Due", "Without orders"),
        ({"from_state": "", "cause": "model", "sequence": 1}, "Without predictions", "Overdue"),
        ({"to_state": "", "cause": "model"}, "Due", "Without predictions"),
    ],
)
def test_no_state_is_said_in_words(values: dict[str, Any], before: str, after: str) -> None:
    shown = past(change(**values))
    assert shown.index(before) < shown.index("→") < shown.index(after)
    assert style.NOTHING not in shown


def test_a_state_of_a_later_version_is_shown_by_its_id() -> None:
    assert "sleeping" in past(change(to_state="sleeping"))
