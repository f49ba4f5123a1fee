"""The values of the transactions topic: a transaction, a tick, a newly activated model, or an erasure.

The kinds are one union with the tag ``type``. A producer writes a ``Transaction``; the worker reads it as a
``TransactionHeader``, which skips the lines of the invoice.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from data.contract.bounds import MOST_REVISION
from models.segment_model import SegmentModel

# Python's `$` also matches before a final line feed; `(?!\n)` makes it match at the end only, as in other languages.
# Control characters are forbidden, because ids are sent to Postgres as separated lists and printed to terminals.
Identifier = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}$(?!\n)")]
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")]
Price = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")]
Moment = Annotated[datetime, Meta(tz=True)]
Country = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}$(?!\n)")]
ControlNumber = Annotated[str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)")]
ControlSignature = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
UNSPECIFIED = "Unspecified"
#: The headers of a record, as a Kafka client takes them.
Headers = list[tuple[str, str | bytes | None]]
Kind = Literal["sale", "return", "cancelled"]
Revision = Annotated[
    int,
    Meta(
        ge=0,
        le=MOST_REVISION,
        description="A higher one replaces the transaction with this id as if it had been the only one; 0 if absent.",
    ),
]


class Line(Struct, frozen=True):
    """One line of an invoice. ``price`` is per piece; ``quantity`` is the number of pieces bought or returned."""

    stock_code: str
    description: str | None
    quantity: int
    price: Price


class Transaction(Struct, frozen=True, tag_field="type", tag="transaction", omit_defaults=True):
    """One invoice (a sale) or one credit note (a return) of one customer.

    ``amount`` is the total of the lines. It is never negative: ``kind`` distinguishes a sale from a return. An order
    that was edited is sent again with a higher ``revision``; one of the kind ``cancelled`` counts nothing.
    """

    transaction_id: Identifier
    customer_id: Identifier
    occurred_at: Moment
    kind: Kind
    amount: Amount
    currency: str
    country: Country
    lines: list[Line]
    revision: Revision = 0


class Identifiers(Struct, frozen=True):
    """The ids in the value of a transaction's record, whatever else is wrong with the record."""

    customer_id: str
    transaction_id: str


class TransactionHeaders(Struct, frozen=True, rename=lambda name: f"segue-{name.replace('_', '-')}"):
    """Headers of a transaction's record; the worker does not need them."""

    retry_of: Annotated[
        str | UnsetType, Meta(description="`LOG/PARTITION/OFFSET`: the dead letter that was requeued as this record.")
    ] = UNSET
    source: Annotated[
        str | UnsetType,
        Meta(description="`TOPIC/PARTITION/OFFSET`: the record that `segue ingest` made this transaction from."),
    ] = UNSET


class ControlHeaders(Struct, frozen=True, rename=lambda name: f"segue-{name.replace('_', '-')}"):
    """Headers of a tick's, a model's or an erasure's record.

    With a control key (``SEGUE_CONTROL_KEY``), the worker requires them.
    """

    control_number: Annotated[
        ControlNumber | UnsetType,
        Meta(description="Grows with every model of a partition: microseconds since 1970, or the last number plus 1."),
    ] = UNSET
    control_signature: Annotated[
        ControlSignature | UnsetType,
        Meta(description="HMAC-SHA256 over topic, partition, number and value, with a line feed between each two."),
    ] = UNSET


class TransactionHeader(Struct, frozen=True, tag_field="type", tag="transaction"):
    """The part of a :class:`Transaction` that decides a segment."""

    transaction_id: Identifier
    customer_id: Identifier
    occurred_at: Moment
    kind: Kind
    amount: Amount
    currency: str
    country: Country = UNSPECIFIED
    revision: Revision = 0


class Tick(Struct, frozen=True, tag_field="type", tag="tick"):
    """Everything up to ``at`` has been sent to this partition: a punctuated watermark."""

    at: Moment


class ModelActivation(Struct, frozen=True, tag_field="type", tag="model"):
    """From this record on, ``model`` is active on this partition."""

    model: SegmentModel


class Erasure(Struct, frozen=True, tag_field="type", tag="erasure"):
    """This customer is forgotten: what is stored of them is deleted, and later records of theirs are dropped."""

    customer_id: Identifier
