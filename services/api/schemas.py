"""What the HTTP API takes and answers. The OpenAPI document is made from these types."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from data.contract.events import Cause, SegmentChange, SegmentRef
from data.contract.wire import Amount, Country, Identifier, Kind, Line, Moment, Revision
from models.rhythm.risk import RiskState

#: The most transactions in one request.
MOST_ITEMS = 5_000


class NewTransaction(Struct, frozen=True):
    """One order (a sale) or one credit note (a return) of one customer; ``cancelled`` in a later revision."""

    transaction_id: Identifier
    customer_id: Identifier
    occurred_at: Annotated[Moment, Meta(description="RFC 3339, with a time zone.")]
    kind: Kind
    amount: Annotated[Amount, Meta(description='The total, as a decimal string such as `"12.50"`; never negative.')]
    currency: Annotated[str, Meta(description="The shop's currency, as a code of ISO 4217.")]
    type: Literal["transaction"] = "transaction"
    country: Country = "Unspecified"
    lines: list[Line] = []
    revision: Revision | UnsetType = UNSET


class Accepted(Struct, frozen=True):
    """Kafka has all transactions of the request."""

    accepted: Annotated[int, Meta(description="How many transactions.")]


class Refusal(Struct, frozen=True):
    """Why one transaction of a request was refused."""

    index: Annotated[int, Meta(description="The place of the transaction in the request, from 0.")]
    reasons: list[str]
    transaction_id: str | UnsetType = UNSET


class Refused(Struct, frozen=True):
    """No transaction of the request was sent, because some are not valid."""

    detail: str
    errors: list[Refusal]


class Problem(Struct, frozen=True):
    """A request that was not answered, and why."""

    detail: str


class NextChange(Struct, frozen=True):
    """When time alone moves the customer, and where to, unless they buy or return something before."""

    at: datetime
    to: SegmentRef


class Why(Struct, frozen=True, kw_only=True):
    """The change that brought the customer into the segment."""

    cause: Cause
    effective_at: datetime
    from_: SegmentRef | None = field(name="from")
    transaction_id: str | None


class NextRisk(Struct, frozen=True):
    """When time alone changes the risk state, and to which, unless the customer orders before."""

    at: datetime
    state: RiskState


class Risk(Struct, frozen=True):
    """How unusual the customer's silence is: the risk state, the moment of its last change, and the next one."""

    state: RiskState
    since: Annotated[datetime, Meta(description="The moment of the last change of the state.")]
    next: Annotated[NextRisk | None, Meta(description="Null if time alone changes nothing any more.")]


class Customer(Struct, frozen=True):
    """One customer as of a moment of event time."""

    customer_id: str
    as_of: Annotated[
        datetime | None,
        Meta(description="The watermark of the customer's partition; null before the first tick."),
    ]
    segment: Annotated[
        SegmentRef | None, Meta(description="Null for a customer who never bought anything, and without a model.")
    ]
    since: datetime | None
    recency_days: Annotated[
        int | None,
        Meta(description="Whole days from the last purchase to the later of `as_of` and the last transaction."),
    ]
    frequency: Annotated[int, Meta(description="Sales; under a model with a window, those in it.")]
    monetary: Annotated[
        str, Meta(description="As the model uses it: `gross` less `returned`, or `gross`; never below 0.")
    ]
    gross: Annotated[str, Meta(description="Money of these sales.")]
    returned: Annotated[str, Meta(description="Money of returns; under a model with a window, of those in it.")]
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    country: str
    sequence: Annotated[int, Meta(description="The number of the customer's last change.")]
    model_version: Annotated[str | None, Meta(description="Null as long as there is no model.")]
    next_change: NextChange | None
    why: Why | None
    risk: Annotated[Risk | None, Meta(description="Null without predictions, and without an order left.")]
    window_days: Annotated[
        int | None,
        Meta(description="The whole days before the as-of time that `frequency` and money count; null for all."),
    ] = None


class Changes(Struct, frozen=True):
    """A customer's changes, as in the change topic, the oldest first."""

    changes: list[SegmentChange]
    after: Annotated[int | None, Meta(description="Pass this as `after` for the next page; null on the last one.")]


class SegmentSummary(Struct, frozen=True):
    """A segment of the active model."""

    segment: SegmentRef
    description: str
    action: str
    colour: str
    customers: int


class Segments(Struct, frozen=True):
    """The segments of the active model."""

    model_version: str
    segments: list[SegmentSummary]


class Member(Struct, frozen=True):
    """A customer in a list; numbers are of all time, whatever the model counts."""

    customer_id: str
    segment: SegmentRef | None
    since: datetime | None
    frequency: int
    gross: str
    returned: str
    last_purchase_at: datetime | None


class Members(Struct, frozen=True):
    """Customers in the order of their ids."""

    customers: list[Member]
    after: Annotated[str | None, Meta(description="Pass this as `after` for the next page; null on the last one.")]


class AudienceNames(Struct, frozen=True):
    """The names of all audiences, sorted."""

    audiences: list[str]


class AudienceSummary(Struct, frozen=True):
    """An audience, and how many customers were in it at a moment of event time, at most some seconds ago."""

    name: str
    definition: Annotated[str, Meta(description="Its filters as text, as in docs/audiences.md.")]
    customers: int
    as_of: datetime
    created_at: datetime
    changed_at: datetime


class AudienceMember(Struct, frozen=True):
    """A customer in an audience."""

    customer_id: str
    segment: SegmentRef
    since: datetime
    previous_segment: Annotated[SegmentRef | None, Meta(description="Null for a customer who has been in one only.")]
    recency_days: int
    frequency: Annotated[int, Meta(description="All sales ever, whatever the model counts.")]
    net_spend: Annotated[str, Meta(description="Everything ever spent minus all returns; it may be below 0.")]
    risk_state: Annotated[RiskState | None, Meta(description="Null without predictions, or without an order left.")]


class AudienceMembers(Struct, frozen=True):
    """Members of an audience in the order of their ids, as of a moment.

    Unless a past one was asked for, each page has a moment of its own.
    """

    customers: list[AudienceMember]
    as_of: datetime
    after: Annotated[str | None, Meta(description="Pass this as `after` for the next page; null on the last one.")]
