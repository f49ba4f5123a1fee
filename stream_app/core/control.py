"""Who may write control records: with a control key, only producers that sign ticks, models and erasures with it.

A copy of a signed tick changes nothing, since a watermark never goes back. A copy of a signed model would make an older
model active again, so the numbers of a partition's models must grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from data.contract import control

_MAX_DIGITS = 18


class ControlError(ValueError):
    """The producer of a control record may not write it."""


@dataclass(frozen=True, slots=True)
class ControlRules:
    """The control keys, the first of which signs, and the partition that they are for; without a key all may write."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    topic: str = ""
    partition: int = 0

    def number(self, headers: Sequence[tuple[str, bytes]], value: bytes) -> int:
        """The number of a control record whose signature is valid; 0 without a key.

        Raises
        ------
        ControlError
            If the signature is missing or not valid.
        """
        if not self.keys:
            return 0
        found = dict(headers)
        number, signature = found.get(control.NUMBER), found.get(control.SIGNATURE)
        if not number or not signature:
            raise ControlError("the control record is not signed: its producer needs SEGUE_CONTROL_KEY")
        is_number = number.isdigit() and len(number) <= _MAX_DIGITS
        if not is_number or not any(
            control.is_valid(key, self.topic, self.partition, number, signature, value) for key in self.keys
        ):
            raise ControlError("the control record's signature is not valid for this topic and partition")
        return int(number)

    def model_number(self, headers: Sequence[tuple[str, bytes]], value: bytes, newest: int) -> int:
        """The number of a signed model that is newer than the partition's newest one; without a key, that one's.

        Raises
        ------
        ControlError
            If the signature is missing or not valid, or the model is not newer.
        """
        number = self.number(headers, value)
        if self.keys and number <= newest:
            raise ControlError("the model's number is not newer than the model before it: a copy of an older record?")
        return max(number, newest)


ANYONE = ControlRules()
