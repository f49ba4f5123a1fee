"""Encodes changes and latest states as events."""

from collections.abc import Mapping

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
from models.units import from_micros, money_text

EVENT_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE.encode())]
_encode = msgspec.json.Encoder().encode


def change_event(row: ChangeRow, personas: Mapping[str, str]) -> bytes:
    """The event of a change; ``personas`` has the segment names by segment id."""
    effective_at = from_micros(row.effective_at)
    change = SegmentChange(
        customer_id=row.customer_id,
        sequence=row.sequence,
        from_=None if row.from_segment is None else _ref(row.from_segment, personas),
        to=_ref(row.to_segment, personas),
        cause=row.cause,  # type: ignore[arg-type]
        effective_at=effective_at,
        recency_days=row.recency_days,
        frequency=row.frequency,
        monetary=money_text(row.monetary),
        model_version=row.model_version,
        transaction_id=row.transaction_id,
        gross=_amount(row.gross),
        returned=_amount(row.returned),
    )
    return _encode(SegmentChanged(id=_event_id(row), subject=row.customer_id, time=effective_at, data=change))


def segment_event(row: ChangeRow, personas: Mapping[str, str], *, snapshot: bool = False) -> bytes:
    """The event of a customer's latest state; ``snapshot`` marks a state that is published again."""
    since = from_micros(row.effective_at)
    state = CustomerSegment(
        customer_id=row.customer_id,
        sequence=row.sequence,
        segment=_ref(row.to_segment, personas),
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


def _ref(segment_id: str, personas: Mapping[str, str]) -> SegmentRef:
    return SegmentRef(segment_id, personas.get(segment_id, segment_id))
