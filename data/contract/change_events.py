"""Encodes changes and latest states as events."""

from collections.abc import Mapping
from typing import get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from data.contract.change_row import ChangeRow
from data.contract.events import (
    CONTENT_TYPE,
    CustomerSegment,
    CustomerSegmentUpdated,
    SegmentChange,
    SegmentChanged,
    SegmentRef,
)
from data.contract.wire import Headers
from models.units import from_micros, money_text

EVENT_HEADERS: Headers = [("content-type", CONTENT_TYPE.encode())]
CHANGE_TYPE: str = get_args(get_type_hints(SegmentChanged)["type"])[0]
STATE_TYPE: str = get_args(get_type_hints(CustomerSegmentUpdated)["type"])[0]
_encode = msgspec.json.Encoder().encode


def change_headers(row: ChangeRow, log_id: str) -> Headers:
    """The headers of a change's event (:class:`data.contract.events.ChangeHeaders`)."""
    return _headers(row, log_id, CHANGE_TYPE)


def state_headers(row: ChangeRow, log_id: str) -> Headers:
    """The headers of a latest state's event (:class:`data.contract.events.StateHeaders`)."""
    return _headers(row, log_id, STATE_TYPE)


def _headers(row: ChangeRow, log_id: str, kind: str) -> Headers:
    own = {"ce_type": kind, "ce_id": _event_id(row), "to": row.to_segment, "cause": row.cause, "log_id": log_id}
    return [*EVENT_HEADERS, *((name, value.encode()) for name, value in own.items())]


def change_event(row: ChangeRow, personas: Mapping[str, str]) -> bytes:
    """The event of a change; ``personas`` has the segment names by segment id."""
    change = segment_change(row, personas)
    event = SegmentChanged(id=_event_id(row), subject=row.customer_id, time=change.effective_at, data=change)
    return _encode(event)


def segment_change(row: ChangeRow, personas: Mapping[str, str]) -> SegmentChange:
    """The data of a change's event."""
    return SegmentChange(
        customer_id=row.customer_id,
        sequence=row.sequence,
        from_=None if row.from_segment is None else segment_ref(row.from_segment, personas),
        to=segment_ref(row.to_segment, personas),
        cause=row.cause,  # type: ignore[arg-type]
        effective_at=from_micros(row.effective_at),
        recency_days=row.recency_days,
        frequency=row.frequency,
        monetary=money_text(row.monetary),
        model_version=row.model_version,
        transaction_id=row.transaction_id,
        gross=_amount(row.gross),
        returned=_amount(row.returned),
    )


def segment_event(row: ChangeRow, personas: Mapping[str, str], *, snapshot: bool = False) -> bytes:
    """The event of a customer's latest state; ``snapshot`` marks a state that is published again."""
    since = from_micros(row.effective_at)
    state = CustomerSegment(
        customer_id=row.customer_id,
        sequence=row.sequence,
        segment=segment_ref(row.to_segment, personas),
        since=since,
        recency_days=row.recency_days,
        frequency=row.frequency,
        monetary=money_text(row.monetary),
        model_version=row.model_version,
        gross=_amount(row.gross),
        returned=_amount(row.returned),
    )
    again = True if snapshot else UNSET
    return _encode(
        CustomerSegmentUpdated(id=_event_id(row), subject=row.customer_id, time=since, snapshot=again, data=state)
    )


def _event_id(row: ChangeRow) -> str:
    return f"{row.customer_id}:{row.sequence}"


def _amount(units: int | None) -> str | UnsetType:
    return UNSET if units is None else money_text(units)


def segment_ref(segment_id: str, personas: Mapping[str, str]) -> SegmentRef:
    """A segment with its name; the id where the name is unknown."""
    return SegmentRef(segment_id, personas.get(segment_id, segment_id))
