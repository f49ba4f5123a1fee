"""Reads changes the way subscribers should: v1 may grow while they run, and they must not lose a change.

New causes may be added, and other event types in the same topic. Writers use
:class:`data.contract.events.SegmentChanged`; readers use this module, because a newer worker may have written an event.
"""

from typing import get_args, get_type_hints

import msgspec
from msgspec import Raw, Struct

from data.contract.events import SegmentChange, SegmentChanged

_CHANGED: str = get_args(get_type_hints(SegmentChanged)["type"])[0]


class _Envelope(Struct):
    type: str
    data: Raw


class _Change(SegmentChange, frozen=True, kw_only=True):
    """A change whose cause may be any text."""

    cause: str  # type: ignore[assignment]


_envelope = msgspec.json.Decoder(_Envelope).decode
_change = msgspec.json.Decoder(_Change).decode


def change(event: bytes) -> SegmentChange | None:
    """The change in an event; None for an event of another type.

    Raises
    ------
    msgspec.MsgspecError
        If the bytes are not an event, or the change is not valid in v1.
    """
    envelope = _envelope(event)
    return _change(envelope.data) if envelope.type == _CHANGED else None
