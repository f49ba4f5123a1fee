"""The words of an alert. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.money import Money
from services.alerts.incidents import Message
from services.alerts.measures import Measured
from services.alerts.rules import Measure, Rule

#: One and many of what is measured. Money has a currency in place of a unit.
_UNITS: dict[Measure, tuple[str, str]] = {
    "customers": ("customer", "customers"),
    "dead_letters": ("record", "records"),
    "drift_alarms": ("alarm", "alarms"),
    "prediction_error": ("per cent", "per cent"),
    "lag": ("record", "records"),
    "stuck_partitions": ("partition", "partitions"),
}


class AlertText(NamedTuple):
    """A message to people."""

    title: str
    body: str


def text(message: Message, rule: Rule, found: Measured, money: Money) -> AlertText:
    """The words of a message about a rule, whose measure has just been looked at."""
    if message == "unknown":
        return AlertText(
            f"Segue can't check: {rule.name}",
            f"Segue has not been able to check this rule for some minutes: {found.about}. "
            "Nobody will be alerted by it until that works again.",
        )
    limit = amount(rule, rule.above, found, money)
    now = f"{amount(rule, found.value, found, money)}, {found.about}"
    if found.event_time is not None:
        now = f"{now} (data up to {found.event_time:%Y-%m-%d %H:%M} UTC)"
    if message == "known":
        return AlertText(
            f"Segue checks again: {rule.name}", f"The rule is checked again. Now: {now}. The limit is {limit}."
        )
    if message == "over":
        return AlertText(f"Over: {rule.name}", f"No longer more than {limit}. Now: {now}.")
    return AlertText(f"Segue: {rule.name}", f"More than {limit}. Now: {now}. No further message until this is over.")


def amount(rule: Rule, value: float | None, found: Measured, money: Money) -> str:
    """A value of the measure of a rule, with the unit of what was found."""
    if value is None:
        return "unknown"
    if rule.measure == "money_at_stake":
        return money.of(found.currency).rounded(value)
    # A limit may be a fraction.
    one, many = _UNITS[rule.measure]
    return f"{value:,.10g} {one if value == 1 else many}"


def test_text(rules: Sequence[str]) -> AlertText:
    """A message that shows that a destination works, and which rules write to it."""
    about = f" Rules that write here: {', '.join(rules)}." if rules else ""
    return AlertText("Segue: a test", f"This is a test message. Alerts of Segue will come to this place.{about}")
