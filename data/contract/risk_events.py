"""Encodes changes of risk states as events."""

from datetime import datetime
from typing import get_args, get_type_hints

import msgspec

from data.contract.change_events import EVENT_HEADERS
from data.contract.events import RiskChange, RiskChanged
from data.contract.risk_row import RiskRow
from data.contract.wire import Headers
from models.units import from_micros

RISK_TYPE: str = get_args(get_type_hints(RiskChanged)["type"])[0]
_encode = msgspec.json.Encoder().encode


def risk_event(row: RiskRow) -> bytes:
    """The event of a risk change."""
    change = risk_change(row)
    event = RiskChanged(id=_event_id(row), subject=row.customer_id, time=change.effective_at, data=change)
    return _encode(event)


def risk_headers(row: RiskRow, log_id: str) -> Headers:
    """The headers of a risk change's event (:class:`data.contract.events.RiskHeaders`)."""
    own = {"ce_type": RISK_TYPE, "ce_id": _event_id(row), "to": row.to_state, "cause": row.cause, "log_id": log_id}
    return [*EVENT_HEADERS, *((name, value.encode()) for name, value in own.items() if value is not None)]


def risk_change(row: RiskRow) -> RiskChange:
    """The data of a risk change's event."""
    return RiskChange(
        customer_id=row.customer_id,
        sequence=row.sequence,
        from_=row.from_state,  # type: ignore[arg-type]
        to=row.to_state,  # type: ignore[arg-type]
        cause=row.cause,  # type: ignore[arg-type]
        effective_at=from_micros(row.effective_at),
        frequency=row.frequency,
        last_purchase_at=_moment(row.last_purchase_at),
        next_state=row.next_state,  # type: ignore[arg-type]
        next_at=_moment(row.next_at),
        rhythm_version=row.rhythm_version,
        transaction_id=row.transaction_id,
    )


def _event_id(row: RiskRow) -> str:
    return f"{row.customer_id}:{row.sequence}"


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
