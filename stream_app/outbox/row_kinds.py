"""The two kinds of rows that a relay publishes: segment changes and risk changes.

Everything in this folder works alike for both. A kind says how its rows are stored, and which events they become.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from data.contract import tolerant_reader
from data.contract.change_row import ChangeRow
from data.contract.event_encoder import EventEncoder
from data.contract.event_parts import Published
from data.contract.events import RiskChange, SegmentChange
from data.contract.risk_encoder import encode_risk
from data.contract.risk_row import RiskRow
from models.units import money_text, to_micros
from runtime.topics import Topics
from stream_app.core.apply import PartitionProgress
from stream_app.storage.outbox import OUTBOX_OF_CHANGES, OUTBOX_OF_RISK, OutboxTable, PublishedChange

Content = tuple[str | int | None, ...]


class Row(Protocol):
    """What a relay needs to know of a row of either kind."""

    @property
    def position(self) -> int:
        """The position in the outbox of the row's kind and partition."""

    @property
    def customer_id(self) -> str:
        """The customer."""

    @property
    def sequence(self) -> int:
        """The number among the customer's rows of this kind."""

    @property
    def is_tombstone(self) -> bool:
        """Whether this is the place of a tombstone, and no change."""


R = TypeVar("R", bound=Row)
E = TypeVar("E", bound=PublishedChange)


class Positions(NamedTuple):
    """The positions of the last row and of the last one that is known to be published."""

    last: int
    published: int


@dataclass(frozen=True, slots=True)
class RowKind(Generic[R, E]):
    """A kind of row with its table, its topic and its events.

    Attributes
    ----------
    relay_name
        What the relay's thread is called, before the partition's number.
    log_fields
        What the log lines of its relay say beside the partition.
    topic
        The name of its topic.
    positions
        How far a partition is.
    encode
        The latest states that belong to rows, which are published first, and the rows' events in order; made from rows,
        the names of segments by id, and the log id.
    read
        The change in an event, None in an event of another type; raises ``MsgspecError`` for other bytes.
    content_of_event, content_of_row
        What must be equal in an event and in the row that it was made from.
    """

    relay_name: str
    log_fields: Mapping[str, str]
    table: OutboxTable
    topic: Callable[[Topics], str]
    positions: Callable[[PartitionProgress], Positions]
    encode: Callable[[Sequence[R], Mapping[str, str], str], tuple[list[Published], list[Published]]]
    read: Callable[[bytes], E | None]
    content_of_event: Callable[[E], Content]
    content_of_row: Callable[[R], Content]


#: A kind whose rows and events are of whichever type.
AnyKind = RowKind[Any, Any]


def _encode_changes(
    rows: Sequence[ChangeRow], personas: Mapping[str, str], log_id: str
) -> tuple[list[Published], list[Published]]:
    return EventEncoder(personas, log_id).encode(rows)


def _of_segment_change(change: SegmentChange) -> Content:
    return (
        None if change.from_ is None else change.from_.id,
        change.to.id,
        change.cause,
        to_micros(change.effective_at),
        change.recency_days,
        change.frequency,
        change.monetary,
        change.model_version,
        change.transaction_id,
    )


def _of_segment_row(row: ChangeRow) -> Content:
    return (
        row.from_segment,
        row.to_segment,
        row.cause,
        row.effective_at,
        row.recency_days,
        row.frequency,
        money_text(row.monetary),
        row.model_version,
        row.transaction_id,
    )


def _of_risk_change(change: RiskChange) -> Content:
    return (
        change.from_,
        change.to,
        change.cause,
        to_micros(change.effective_at),
        change.frequency,
        None if change.last_purchase_at is None else to_micros(change.last_purchase_at),
        change.next_state,
        None if change.next_at is None else to_micros(change.next_at),
        change.rhythm_version,
        change.transaction_id,
    )


def _of_risk_row(row: RiskRow) -> Content:
    return (
        row.from_state,
        row.to_state,
        row.cause,
        row.effective_at,
        row.frequency,
        row.last_purchase_at,
        row.next_state,
        row.next_at,
        row.rhythm_version,
        row.transaction_id,
    )


SEGMENT_CHANGES: RowKind[ChangeRow, SegmentChange] = RowKind(
    relay_name="relay",
    log_fields={},
    table=OUTBOX_OF_CHANGES,
    topic=lambda topics: topics.changes,
    positions=lambda progress: Positions(progress.change_position, progress.published_position),
    encode=_encode_changes,
    read=tolerant_reader.change,
    content_of_event=_of_segment_change,
    content_of_row=_of_segment_row,
)

RISK_CHANGES: RowKind[RiskRow, RiskChange] = RowKind(
    relay_name="risk-relay",
    log_fields={"of": "risk changes"},
    table=OUTBOX_OF_RISK,
    topic=lambda topics: topics.risk_changes,
    positions=lambda progress: Positions(progress.risk_position, progress.risk_published_position),
    encode=encode_risk,
    read=tolerant_reader.risk_change,
    content_of_event=_of_risk_change,
    content_of_row=_of_risk_row,
)
