"""Trying out a destination: whether it accepts a message, and which rules write to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.alerts.destinations import AppriseSender, DestinationError
from services.alerts.messages import test_text
from services.alerts.rules import Rule


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test message.

    Parameters
    ----------
    refusal
        Why the destination has not accepted it; it shows nothing of the address. Empty if it has.
    rules
        The names of the rules that write to the destination.
    """

    destination: str
    refusal: str
    rules: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether the destination has accepted the message."""
        return not self.refusal

    @property
    def sentence(self) -> str:
        """The result in one line."""
        rules = f" Rules that write to it: {', '.join(self.rules)}." if self.rules else ""
        return f"{self.refusal.rstrip('.') or f'{self.destination} has accepted the message'}.{rules}"

    def as_json(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "destination": self.destination,
            "accepted": self.accepted,
            "reason": self.refusal or None,
            "rules": list(self.rules),
        }


def tried(destination: str, address: str, rules: Sequence[Rule]) -> Trial:
    """Send a test message to a destination, whatever quiet hours its rules have."""
    names = tuple(rule.name for rule in rules if destination in rule.to)
    title, body = test_text(names)
    try:
        AppriseSender.of({destination: address}).send(destination, title, body)
    except DestinationError as error:
        return Trial(destination, str(error), names)
    return Trial(destination, "", names)
