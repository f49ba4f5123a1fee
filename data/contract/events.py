"""The events that subscribers read: CloudEvents 1.0 in structured JSON, for changes, latest states, risk and drift.

Within v1, the contract is additive: fields may be added, but none is removed or changes its meaning. The AsyncAPI
document beside this file is the contract for programs, ``docs/contract.md`` for people. ``python -m
data.contract.asyncapi`` generates both from these types.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from data.contract.wire import Identifier, Moment

# A state has the id of its latest change, and a risk change may have the id of a change. CloudEvents are identified by
# source and id, so the sources must differ.
CHANGES_SOURCE = "/segue/stream"
STATES_SOURCE = "/segue/customers"
RISK_SOURCE = "/segue/risk"
DRIFT_SOURCE = "/segue/drift"
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"

EventId = Annotated[str, Meta(description="`CUSTOMER:SEQUENCE`. An event that is sent again has the same id.")]
Subject = Annotated[Identifier, Meta(description="The customer, as in the record's key.")]
Time = Annotated[datetime, Meta(tz=True, description="When the change happened or the state began, in event time.")]
CustomerId = Annotated[Identifier, Meta(description="The customer, as in the record's key.")]
Sequence = Annotated[
    int,
    Meta(
        ge=1,
        description="Numbers a customer's changes from 1 without gaps. Drop an event whose number is not greater than "
        "the last one.",
    ),
]
EffectiveAt = Annotated[
    datetime, Meta(tz=True, description="The exact moment from which the customer is in the segment.")
]
RecencyDays = Annotated[
    int,
    Meta(ge=0, description="Whole days since the last purchase, at that moment; without any, since the last event."),
]
Frequency = Annotated[
    int,
    Meta(ge=0, description="Distinct sale invoices, at that moment; under a model with a window, those in the window."),
]
AllOrders = Annotated[int, Meta(ge=0, description="Distinct sale invoices, at that moment.")]
Total = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]{2,4}$")]
Spent = Annotated[
    Total,
    Meta(
        description="Amount spent, as the model uses it, at that moment: a decimal string in the shop's only currency. "
        "Under a `gross` model it is `gross`. Under a `net` model it is `gross` less `returned`, but never below 0: a "
        "customer who returned more than they bought has `0.00`.",
    ),
]
Gross = Annotated[
    Total | UnsetType,
    Meta(
        description="Sum of all sales, at that moment: a decimal string. Under a model with a window, of those in the "
        "window. Absent from changes made before the field existed.",
    ),
]
Returned = Annotated[
    Total | UnsetType,
    Meta(
        description="Sum of all returns, at that moment: a decimal string. Under a model with a window, of those in "
        "the window. Absent from changes made before the field existed.",
    ),
]
ModelVersion = Annotated[str, Meta(min_length=1, description="The segment model that decided the segment.")]
Cause = Annotated[
    Literal["first_purchase", "purchase", "return", "decay", "model", "first_model", "revision", "expiry"],
    Meta(
        description="The cause of the change. `decay` is the passing of time alone, `model` a newly activated model. "
        "`first_model` is the stream's first model: the customer bought before there was one, and `from` is null. "
        "`revision` is an order that was edited or cancelled. `expiry` is an order or a return that became as old as "
        "the model's window, and no longer counts. v1 may get further causes: treat one that you do not know as any "
        "other change."
    ),
]
CausingTransaction = Annotated[
    Identifier | None,
    Meta(description="The transaction that caused the change; null for `decay`, `expiry`, `model` and `first_model`."),
]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+$")]


class SegmentRef(Struct, frozen=True):
    """A segment: ``id`` for programs, ``persona`` for people."""

    id: Annotated[str, Meta(description="Stable within a model, and across models that have the same persona.")]
    persona: str


class SegmentChange(Struct, frozen=True):
    """One customer's move from one segment to another; ``from`` is null for the first segment."""

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
    gross: Gross = UNSET
    returned: Returned = UNSET


class CustomerSegment(Struct, frozen=True):
    """The segment of one customer since their latest change."""

    customer_id: CustomerId
    sequence: Sequence
    segment: SegmentRef
    since: EffectiveAt
    recency_days: RecencyDays
    frequency: Frequency
    monetary: Spent
    model_version: ModelVersion
    gross: Gross = UNSET
    returned: Returned = UNSET


class SegmentChanged(Struct, frozen=True, kw_only=True):
    """The envelope of a change. Its ``id`` is made of customer and sequence, so it is the same in every replay."""

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
        Meta(description="Present, and true, if the state is published again as part of a snapshot."),
    ] = UNSET
    data: CustomerSegment


RiskStateName = Literal["on_rhythm", "due", "overdue", "presumed_lost"]
_RISK_STATE = (
    "`on_rhythm`: no order is due. `due`: half of such customers would have ordered again. `overdue`: nine in ten "
    "would have. `presumed_lost`: an order within 90 days is improbable. v1 may get further states."
)


class RiskChange(Struct, frozen=True):
    """One customer's move from one risk state to another: silence has become unusual, or an order has ended it."""

    customer_id: CustomerId
    sequence: Annotated[
        int,
        Meta(
            ge=1,
            description="Numbers a customer's risk changes from 1 without gaps, apart from their segment changes. Drop "
            "an event whose number is not greater than the last one.",
        ),
    ]
    from_: Annotated[
        RiskStateName | None,
        Meta(description=f"The state before; null if the customer had none. {_RISK_STATE}"),
    ] = field(name="from")
    to: Annotated[
        RiskStateName | None,
        Meta(description="The state from now on; null if all orders were cancelled, or no rhythm model is active."),
    ]
    cause: Annotated[
        Literal["first_purchase", "purchase", "silence", "model", "revision"],
        Meta(
            description="The cause of the change. `silence` is the passing of time alone. `model` is a newly activated "
            "rhythm model, or that none is active any more. `revision` is an order that was edited or cancelled. v1 "
            "may get further causes: treat one that you do not know as any other change."
        ),
    ]
    effective_at: Annotated[
        datetime, Meta(tz=True, description="The exact moment from which the customer is in the state.")
    ]
    frequency: AllOrders
    last_purchase_at: Annotated[Moment | None, Meta(description="The moment of the last order; null without one.")]
    next_state: Annotated[
        RiskStateName | None,
        Meta(description="The state that silence alone leads to next; null if there is none."),
    ]
    next_at: Annotated[
        Moment | None,
        Meta(
            description="The moment at which `next_state` begins unless an order comes first; null without one. No "
            "event follows an order that leaves the customer `on_rhythm`, although it makes this moment later. A late "
            "or an edited order and another rhythm model, too, may change it without an event."
        ),
    ]
    rhythm_version: Annotated[
        str | None, Meta(description="The rhythm model that decided the state; null if none is active any more.")
    ]
    transaction_id: Annotated[
        Identifier | None,
        Meta(description="The transaction that caused the change; null for `silence` and `model`."),
    ]


class RiskChanged(Struct, frozen=True, kw_only=True):
    """The envelope of a risk change. Its ``id`` is made of customer and sequence, so it is the same in every replay."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.risk.changed.v1"] = "segue.risk.changed.v1"
    source: str = RISK_SOURCE
    id: EventId
    subject: Subject
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    data: RiskChange


class Drift(Struct, frozen=True):
    """What has drifted, and by how much."""

    model_version: Annotated[str, Meta(min_length=1, description="The segment model that was active.")]
    measure: Annotated[
        Literal["distance", "basket", "returns", "newcomers", "psi"],
        Meta(
            description="`distance` is the distance of customers from their segment's centroid, `basket` the amount of "
            "a sale, `returns` the share of returns among transactions, `newcomers` the share of first purchases among "
            "sales, `psi` a population stability index."
        ),
    ]
    name: Annotated[
        Literal["recency", "frequency", "monetary", "segments"] | None,
        Meta(description="The distribution that the index compares; null for other measures."),
    ]
    value: Annotated[float, Meta(description="The value now.")]
    reference: Annotated[
        float | None, Meta(description="The value before; null for an index, which compares two distributions itself.")
    ]
    threshold: Annotated[
        float | None, Meta(description="The value above which an index raises an alarm; null for other measures.")
    ]
    customers: Annotated[int, Meta(ge=0, description="The number of customers in the value of the last day.")]
    summary: Annotated[str, Meta(description="The alarm as a sentence for people.")]


class DriftDetected(Struct, frozen=True, kw_only=True):
    """The envelope of an alarm."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.drift.detected.v1"] = "segue.drift.detected.v1"
    source: str = DRIFT_SOURCE
    id: Annotated[
        str,
        Meta(
            description="`MODEL:DAY:MEASURE`, followed by `:NAME` if the name is not null. An alarm that is found or "
            "sent again has the same id."
        ),
    ]
    subject: Annotated[str, Meta(description="The segment model that was active, as in the record's key.")]
    time: Annotated[
        datetime, Meta(tz=True, description="The end of the day in which the drift was found, in event time.")
    ]
    datacontenttype: Literal["application/json"] = "application/json"
    data: Drift


class WrongPredictions(Struct, frozen=True):
    """How many customers were predicted to order, and how many did."""

    model_version: Annotated[str, Meta(min_length=1, description="The segment model whose predictions these are.")]
    days: Annotated[Literal[30, 90], Meta(description="The days within which customers were predicted to order.")]
    customers: Annotated[int, Meta(ge=1, description="The number of customers who had ordered before these days.")]
    predicted: Annotated[
        float, Meta(ge=0, description="How many of them were predicted to order: a sum of probabilities.")
    ]
    ordered: Annotated[int, Meta(ge=0, description="How many of them did.")]
    allowed: Annotated[float, Meta(ge=0, description="The difference that chance and calibration allow, in customers.")]
    summary: Annotated[str, Meta(description="The alarm as a sentence for people.")]


class PredictionsCountWrong(Struct, frozen=True, kw_only=True):
    """The envelope of an alarm about predictions."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.predictions.wrong.v1"] = "segue.predictions.wrong.v1"
    source: str = DRIFT_SOURCE
    id: Annotated[
        str,
        Meta(description="`MODEL:DAY:predictions:within_DAYS_days`. An alarm that is sent again has the same id."),
    ]
    subject: Annotated[str, Meta(description="The segment model that was active, as in the record's key.")]
    time: Annotated[
        datetime, Meta(tz=True, description="The end of the last of the days that were compared, in event time.")
    ]
    datacontenttype: Literal["application/json"] = "application/json"
    data: WrongPredictions


class EventHeaders(Struct, frozen=True, kw_only=True, rename=lambda name: name.replace("_", "-")):
    """The headers of an event: it is a CloudEvent in structured mode."""

    content_type: str = CONTENT_TYPE


def _header_name(field: str) -> str:
    return field.replace("content_type", "content-type")


_CE_TYPE = Meta(description="The event's `type`.")
_CeId = Annotated[str | UnsetType, Meta(description="The event's `id`.")]
_To = Annotated[str | UnsetType, Meta(description="The id of the segment that the customer is in from this change on.")]
_CauseHeader = Annotated[str | UnsetType, Meta(description="The cause of the change.")]
_LOG_ID = (
    "The log of transactions that the worker reads. It is another one after that topic was created again or has lost "
    "records."
)
_LogId = Annotated[str | UnsetType, Meta(description=_LOG_ID)]


class ChangeHeaders(Struct, frozen=True, kw_only=True, rename=_header_name):
    """The headers of a change, in UTF-8, so that a consumer can filter without parsing the value.

    The event is a CloudEvent in structured mode: `content-type` decides that, whatever `ce_` headers there are. Records
    that were written before the other headers existed have `content-type` only.
    """

    content_type: str = CONTENT_TYPE
    ce_type: Annotated[Literal["segue.segment.changed.v1"] | UnsetType, _CE_TYPE] = UNSET
    ce_id: _CeId = UNSET
    to: _To = UNSET
    cause: _CauseHeader = UNSET
    log_id: _LogId = UNSET


class StateHeaders(Struct, frozen=True, kw_only=True, rename=_header_name):
    """The headers of a latest state, in UTF-8: those of the change that led to it, with a type of its own."""

    content_type: str = CONTENT_TYPE
    ce_type: Annotated[Literal["segue.customer.segment.v1"] | UnsetType, _CE_TYPE] = UNSET
    ce_id: _CeId = UNSET
    to: _To = UNSET
    cause: _CauseHeader = UNSET
    log_id: _LogId = UNSET


class RiskHeaders(Struct, frozen=True, kw_only=True, rename=_header_name):
    """The headers of a risk change, in UTF-8, so that a consumer can filter without parsing the value."""

    content_type: str = CONTENT_TYPE
    ce_type: Annotated[Literal["segue.risk.changed.v1"], _CE_TYPE] = "segue.risk.changed.v1"
    ce_id: Annotated[str, Meta(description="The event's `id`.")]
    to: Annotated[
        str | UnsetType,
        Meta(description="The risk state that the customer is in from this change on; absent if there is none."),
    ] = UNSET
    cause: Annotated[str, Meta(description="The cause of the change.")]
    log_id: Annotated[str, Meta(description=_LOG_ID)]


class DeadLetterHeaders(Struct, frozen=True, kw_only=True, rename=lambda name: f"segue-{name.replace('_', '-')}"):
    """The headers of a dead letter: the offset of the record, and why it could not be applied. All are UTF-8 text."""

    reason: Annotated[str, Meta(description="The reason, in one line.")]
    topic: str
    partition: Digits
    offset: Digits
    log_id: Annotated[
        str,
        Meta(
            description="The log that the offset belongs to. A topic that is deleted and created again is another log."
        ),
    ]
    clipped_from: Annotated[
        Digits | UnsetType,
        Meta(description="Bytes of the original value, if the value was too large and only its beginning is here."),
    ] = UNSET
