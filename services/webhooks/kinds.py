"""The kinds of changes that a webhook may deliver, and how each is read. A webhook delivers one kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data.contract import tolerant_reader
from data.contract.events import RiskChange, SegmentChange
from runtime.topics import ChangeKind

AnyChange = SegmentChange | RiskChange


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of changes.

    Attributes
    ----------
    phrase
        What messages call such changes.
    read
        Returns the change in an event, or None for an event of another type; raises ``msgspec.MsgspecError`` if the
        bytes are no event.
    """

    phrase: str
    read: Callable[[bytes], AnyChange | None]


SEGMENTS = Kind("changes", tolerant_reader.change)
RISK = Kind("risk changes", tolerant_reader.risk_change)
KINDS: Mapping[ChangeKind, Kind] = {"segments": SEGMENTS, "risk": RISK}
