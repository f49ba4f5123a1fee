"""The words of an alert: every measure has a unit."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from runtime.money import Money
from services.alerts.incidents import Message
from services.alerts.measures import Measured
from services.alerts.messages import amount, text
from services.alerts.rules import MEASURES, Measure, Rule

AT = datetime(2011, 6, 15, tzinfo=UTC)
POUNDS = Money("GBP", "en_GB")
AMOUNTS = {
    "customers": ("1 customer", "2.5 customers"),
    "money_at_stake": ("£1", "£3"),
    "dead_letters": ("1 record", "2.5 records"),
    "drift_alarms": ("1 alarm", "2.5 alarms"),
    "prediction_error": ("1 per cent", "2.5 per cent"),
    "lag": ("1 record", "2.5 records"),
    "stuck_partitions": ("1 partition", "2.5 partitions"),
}


def rule(measure: Measure) -> Rule:
    return Rule("A rule", measure, 2.5, ("team",))


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_a_unit_for_one_and_for_many(measure: Measure) -> None:
    found = Measured(1.0, "what is measured", currency="GBP")
    amounts = tuple(amount(rule(measure), value, found, POUNDS) for value in (1.0, 2.5))
    assert amounts == AMOUNTS[measure]
    assert amount(rule(measure), None, found, POUNDS) == "unknown"


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("message", get_args(Message))
def test_every_message_about_every_measure_can_be_written(measure: Measure, message: Message) -> None:
    known = message != "unknown"
    found = Measured(1.0 if known else None, "what is measured", AT if known else None, "GBP")
    title, body = text(message, rule(measure), found, POUNDS)
    assert title.endswith(": A rule")
    assert "what is measured" in body
    one, limit = AMOUNTS[measure]
    assert (f"{one}, what is measured (data up to 2011-06-15 00:00 UTC)" in body) == known
    assert (limit in body) == known
