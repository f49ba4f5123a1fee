"""Reads changes the way subscribers should: v1 may grow while they run, and they must not lose a change.

New causes and risk states may be added, and other event types in the same topic. Writers use the types of
:mod:`data.contract.events`; readers use this module, because a newer worker may have written an event.
"""

from typing import get_args, get_type_hints

import msgspec
from msgspec import Raw, Struct, field

from data.contract.events import RiskChange, RiskChanged, SegmentChange, SegmentChanged

_CHANGED: str = get_args(get_type_hints(SegmentChanged)["type"])[0]
_RISK_CHANGED: str = get_args(get_type_hints(RiskChanged)["type"])[0]


class _Envelope(Struct):
    type: str
    data: Raw


class _Change(SegmentChange, frozen=True, kw_only=True):
    """A change whose cause may be any text."""

    cause: str  # type: ignore[assignment]


class _RiskChange(RiskChange, frozen=True, kw_only=True):
    """A risk change whose cause and states may be any text."""

    from_: str | None = field(name="from")  # type: ignore[assignment]
    to: str | None  # type: ignore[assignment]
    cause: str  # type: ignore[assignment]
    next_state: str | None  # type: ignore[assignment]


_envelope = msgspec.json.Decoder(_Envelope).decode
_change = msgspec.json.Decoder(_Change).decode
_risk_change = msgspec.json.Decoder(_RiskChange).decode


def change(event: bytes) -> SegmentChange | None:
    """The change in an event; None for an event of another type.

    Raises
    ------
    msgspec.MsgspecError
        If the bytes are not an event, or the change is not valid in v1.
    """
    envelope = _envelope(event)
    return _change(envelope.data) if envelope.type == _CHANGED else None


def risk_change(event: bytes) -> RiskChange | None:
    """The risk change in an event; None for an event of another type.

    Raises
    ------
    msgspec.MsgspecError
        If the bytes are not an event, or the risk change is not valid in v1.
    """
    envelope = _envelope(event)
    return _risk_change(envelope.data) if envelope.type == _RISK_CHANGED else None
