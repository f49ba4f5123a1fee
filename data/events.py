"""What subscribers read: CloudEvents 1.0 in structured JSON, one for every change and one for the latest state.

The contract within v1 is additive: fields may come, none goes or changes its meaning.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

SOURCE = "/segue/stream"
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"


class SegmentRef(Struct, frozen=True):
    """A segment: ``id`` for programs, ``persona`` for people."""

    id: str
    persona: str


class SegmentChange(Struct, frozen=True):
    """One customer moving from one segment to another; ``from`` is null on entry.

    ``sequence`` counts a customer's changes from 1 without gaps: a consumer drops whatever is not greater than the
    last one it has seen. ``monetary`` is a decimal string. ``transaction_id`` is null where no transaction is to blame.
    """

    customer_id: str
    sequence: int
    from_: SegmentRef | None = field(name="from")
    to: SegmentRef
    cause: Literal["first_purchase", "purchase", "return", "decay", "model"]
    effective_at: datetime
    recency_days: int
    frequency: int
    monetary: str
    model_version: str
    transaction_id: str | None


class CustomerSegment(Struct, frozen=True):
    """Where one customer stands since their latest change."""

    customer_id: str
    sequence: int
    segment: SegmentRef
    since: datetime
    recency_days: int
    frequency: int
    monetary: str
    model_version: str


class SegmentChanged(Struct, frozen=True, kw_only=True):
    """The envelope of a change; its ``id`` is the customer and the sequence, so it is the same in every replay."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.segment.changed.v1"] = "segue.segment.changed.v1"
    source: str = SOURCE
    id: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: SegmentChange


class CustomerSegmentUpdated(Struct, frozen=True, kw_only=True):
    """The envelope of a customer's latest state."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.customer.segment.v1"] = "segue.customer.segment.v1"
    source: str = SOURCE
    id: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: CustomerSegment
