"""A change as subscribers should read it: v1 may grow while they run, and that must cost nobody a change.

Causes may come, and so may other types of events in the same topic. :class:`data.contract.events.SegmentChanged` is
what we write; what we read comes through here, since a newer worker may have written it.
"""

from typing import get_args, get_type_hints

import msgspec
from msgspec import Raw, Struct

from data.contract.events import SegmentChange, SegmentChanged

_CHANGED: str = get_args(get_type_hints(SegmentChanged)["type"])[0]


class _Envelope(Struct):
    type: str
    data: Raw


class _Change(SegmentChange, frozen=True):
    """A change with any cause."""

    cause: str  # type: ignore[assignment]


_envelope = msgspec.json.Decoder(_Envelope).decode
_change = msgspec.json.Decoder(_Change).decode


def change(event: bytes) -> SegmentChange | None:
    """What an event says; None if it is of another type, which is none of our business.

    Raises
    ------
    msgspec.MsgspecError
        If it is no event at all, or not a change as v1 has them.
    """
    envelope = _envelope(event)
    return _change(envelope.data) if envelope.type == _CHANGED else None
