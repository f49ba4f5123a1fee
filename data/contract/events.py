"""What subscribers read: CloudEvents 1.0 in structured JSON, one for every change and one for the latest state.

The contract within v1 is additive: fields may come, none goes or changes its meaning. The AsyncAPI document beside this
file has it for programs and ``docs/contract.md`` for people; ``python -m data.contract.asyncapi`` makes both from these
types.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from data.contract.wire import Identifier

# A state has the id of the change that led to it. What is told apart by source and id, as CloudEvents are, needs two.
CHANGES_SOURCE = "/segue/stream"
STATES_SOURCE = "/segue/customers"
DRIFT_SOURCE = "/segue/drift"
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"

EventId = Annotated[str, Meta(description="`CUSTOMER:SEQUENCE`, the same however often the event is sent.")]
Subject = Annotated[Identifier, Meta(description="The customer, as in the record's key.")]
Time = Annotated[datetime, Meta(tz=True, description="When it became true, in event time.")]
CustomerId = Annotated[Identifier, Meta(description="The customer, as in the record's key.")]
Sequence = Annotated[
    int,
    Meta(ge=1, description="Counts a customer's changes from 1 without gaps: drop what is not greater than the last."),
]
EffectiveAt = Annotated[
    datetime, Meta(tz=True, description="The exact moment from which the customer is in the segment.")
]
RecencyDays = Annotated[int, Meta(ge=0, description="Whole days since the last purchase, at that moment.")]
Frequency = Annotated[int, Meta(ge=0, description="Distinct sale invoices, at that moment.")]
Spent = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]+\.[0-9]{2,4}$",
        description="Money spent as the model counts it, at that moment: a decimal string in the shop's one currency.",
    ),
]
ModelVersion = Annotated[str, Meta(min_length=1, description="The segment model that decided.")]
Cause = Annotated[
    Literal["first_purchase", "purchase", "return", "decay", "model"],
    Meta(description="Why; `decay` is time alone, `model` is a new segment model."),
]
CausingTransaction = Annotated[
    Identifier | None, Meta(description="The transaction that caused it; null where none did.")
]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+$")]


class SegmentRef(Struct, frozen=True):
    """A segment: ``id`` for programs, ``persona`` for people."""

    id: Annotated[str, Meta(description="Stable within a model, and across models that have the same persona.")]
    persona: str


class SegmentChange(Struct, frozen=True):
    """One customer moving from one segment to another; ``from`` is null on entry."""

    customer_id: CustomerId
    sequence: Sequence
    from_: SegmentRef | None = field(name="from")
    to: SegmentRef
    cause: Cause
    effective_at: EffectiveAt
    recency_days: RecencyDays
    frequency: Frequency
    monetary: Spent
    model_version: ModelVersion
    transaction_id: CausingTransaction


class CustomerSegment(Struct, frozen=True):
    """Where one customer stands since their latest change."""

    customer_id: CustomerId
    sequence: Sequence
    segment: SegmentRef
    since: EffectiveAt
    recency_days: RecencyDays
    frequency: Frequency
    monetary: Spent
    model_version: ModelVersion


class SegmentChanged(Struct, frozen=True, kw_only=True):
    """The envelope of a change; its ``id`` is the customer and the sequence, so it is the same in every replay."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.segment.changed.v1"] = "segue.segment.changed.v1"
    source: str = CHANGES_SOURCE
    id: EventId
    subject: Subject
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    data: SegmentChange


class CustomerSegmentUpdated(Struct, frozen=True, kw_only=True):
    """The envelope of a customer's latest state."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.customer.segment.v1"] = "segue.customer.segment.v1"
    source: str = STATES_SOURCE
    id: EventId
    subject: Subject
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    snapshot: Annotated[
        bool | UnsetType,
        Meta(description="There, and true, where the state is only said again, by `segue publish-snapshot`."),
    ] = UNSET
    data: CustomerSegment


class Drift(Struct, frozen=True):
    """What has moved away from what it was, and by how much."""

    model_version: Annotated[str, Meta(min_length=1, description="The segment model that was in force.")]
    measure: Annotated[
        Literal["distance", "basket", "returns", "newcomers", "psi"],
        Meta(
            description="`distance` of customers to their segment's centre, `basket` is what a sale is worth, "
            "`returns` and `newcomers` are shares of transactions and of sales, `psi` is a population stability index."
        ),
    ]
    name: Annotated[
        Literal["recency", "frequency", "monetary", "segments"] | None,
        Meta(description="Whose distribution the index is of; null for other measures."),
    ]
    value: Annotated[float, Meta(description="What it is now.")]
    reference: Annotated[
        float | None, Meta(description="What it was before; null for an index, which compares itself.")
    ]
    threshold: Annotated[float | None, Meta(description="Where an index begins to count; null for other measures.")]
    customers: Annotated[int, Meta(ge=0, description="How many customers the last day's value rests on.")]
    summary: Annotated[str, Meta(description="The same in a sentence, for people.")]


class DriftDetected(Struct, frozen=True, kw_only=True):
    """The envelope of an alarm."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.drift.detected.v1"] = "segue.drift.detected.v1"
    source: str = DRIFT_SOURCE
    id: Annotated[
        str,
        Meta(
            description="`MODEL:DAY:MEASURE`, and `:NAME` where there is one; the same however often the alarm is "
            "found or sent."
        ),
    ]
    subject: Annotated[str, Meta(description="The segment model that was in force, as in the record's key.")]
    time: Annotated[datetime, Meta(tz=True, description="The end of the day that showed it, in event time.")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: Drift


class EventHeaders(Struct, frozen=True, kw_only=True, rename=lambda name: name.replace("_", "-")):
    """The headers of an event: that it is a CloudEvent in structured mode."""

    content_type: str = CONTENT_TYPE


class DeadLetterHeaders(Struct, frozen=True, kw_only=True, rename=lambda name: f"segue-{name.replace('_', '-')}"):
    """The headers of a dead letter: where the record came from, and why it could not be applied. All are UTF-8 text."""

    reason: Annotated[str, Meta(description="One line.")]
    topic: str
    partition: Digits
    offset: Digits
    log_id: Annotated[str, Meta(description="The log that the offset belongs to; a topic made anew is another log.")]
    clipped_from: Annotated[
        Digits | UnsetType,
        Meta(description="Bytes of the original value, where it was too large and only its beginning is here."),
    ] = UNSET
