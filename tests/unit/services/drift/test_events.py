"""A drift alarm as a sentence and as an event."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from data.contract.events import DriftDetected, PredictionsCountWrong
from services.drift.events import event, summary


def alarm(measure: str, value: float, reference: float | None, name: str = "", threshold: float | None = None) -> Any:
    """A row of ``drift_alarms``."""
    return SimpleNamespace(
        id=f"k5-abc:2011-01-24:{measure}",
        model_version="k5-abc",
        window_end=datetime(2011, 1, 24, tzinfo=UTC),
        measure=measure,
        name=name,
        value=value,
        reference=reference,
        threshold=threshold,
        customers=20,
    )


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (alarm("newcomers", 0.0663, 0.157), "6.6 % of sales are first purchases, 15.7 % before."),
        (alarm("returns", 0.4, 0.2), "40.0 % of transactions are returns, 20.0 % before."),
        (alarm("basket", 1_500, 1_000), "A typical sale is worth 1,500.00, 1,000.00 before (+50%)."),
        (alarm("basket", 0.0, 0.0), "A typical sale is worth 0.00, 0.00 before."),
        (
            alarm("distance", 2.5, 1.75),
            "Customers are 2.50 standard deviations from their segment's centroid, 1.75 before.",
        ),
        (
            alarm("psi", 0.2, None, "segments", 0.1),
            "The distribution of all customers over the segments is not what the model was fitted on: "
            "index 0.20, where 0.10 begins to count.",
        ),
        (
            alarm("predictions", 0.25, 0.5, "within_30_days", 0.45),
            "Of 20 customers, 10 were predicted to order within 30 days, and 5 did (-50%): predictions count wrong, "
            "and a refit learns from what has happened.",
        ),
    ],
)
def test_the_summary_says_what_has_changed_and_by_how_much(row: Any, sentence: str) -> None:
    assert summary(row) == sentence


def test_one_customer_is_one_customer() -> None:
    row = alarm("predictions", 1.0, 0.5, "within_90_days", 0.9)
    row.customers = 1
    assert summary(row).startswith("Of 1 customer, ")


def test_the_event_is_the_alarm() -> None:
    found = msgspec.json.decode(event(alarm("psi", 0.2, None, "monetary", 0.1)), type=DriftDetected)
    assert (found.id, found.subject) == ("k5-abc:2011-01-24:psi", "k5-abc")
    assert found.time == datetime(2011, 1, 24, tzinfo=UTC)
    assert (found.data.name, found.data.value, found.data.reference, found.data.threshold) == (
        "monetary",
        0.2,
        None,
        0.1,
    )
    assert msgspec.json.decode(event(alarm("returns", 0.4, 0.2)), type=DriftDetected).data.name is None


def test_an_alarm_about_predictions_is_a_message_of_its_own_with_numbers_of_customers() -> None:
    row = alarm("predictions", 0.2, 0.5, "within_90_days", 0.4)
    found = msgspec.json.decode(event(row), type=PredictionsCountWrong)
    assert (found.id, found.subject, found.time) == (row.id, row.model_version, row.window_end)
    assert (found.data.days, found.data.customers, found.data.predicted, found.data.ordered) == (90, 20, 10.0, 4)
    assert found.data.allowed == pytest.approx(2.0)
    assert found.data.summary == summary(row)
