"""Which change of a partition was published last: as Kafka remembers it, and as Postgres is asked for it."""

from datetime import datetime
from typing import Self

import msgspec

from data.events import SegmentChanged
from models.units import from_micros
from stream_app.changes import ChangeRow

_decode_event = msgspec.json.Decoder(SegmentChanged).decode


class Published(msgspec.Struct, frozen=True):
    """Which change was published last, in words that hold in any database that has it."""

    customer_id: str
    sequence: int
    effective_at: datetime
    to_segment: str

    @classmethod
    def by_row(cls, row: ChangeRow) -> Self:
        """As it is stored."""
        return cls(row.customer_id, row.sequence, from_micros(row.effective_at), row.to_segment)

    @classmethod
    def by_event(cls, event: bytes) -> Self:
        """As subscribers read it."""
        change = _decode_event(event).data
        return cls(change.customer_id, change.sequence, change.effective_at, change.to.id)
