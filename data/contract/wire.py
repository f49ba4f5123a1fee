"""What travels in the transactions topic: one invoice, the passing of time, or a new model.

The three kinds are one tagged union, told apart by ``type``. ``Transaction`` is what a producer writes;
``TransactionHeader`` is what the worker reads of it, so that the lines of an invoice are skipped, not decoded.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from models.segment_model import SegmentModel

# In Python `$` lets a line feed pass that ends a text, elsewhere it does not: `(?!\n)` makes it the end everywhere.
# No control characters: ids travel to Postgres as separated lists, and to people's terminals.
Identifier = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}$(?!\n)")]
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")]
Price = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")]
Moment = Annotated[datetime, Meta(tz=True)]
Country = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}$(?!\n)")]
UNSPECIFIED = "Unspecified"
Kind = Literal["sale", "return"]


class Line(Struct, frozen=True):
    """One line of an invoice; ``price`` is per piece, ``quantity`` is what was bought or brought back."""

    stock_code: str
    description: str | None
    quantity: int
    price: Price


class Transaction(Struct, frozen=True, tag_field="type", tag="transaction"):
    """One invoice (a sale) or one credit note (a return) of one customer.

    ``amount`` is the total of the lines, never negative: the kind says which way the money went.
    """

    transaction_id: Identifier
    customer_id: Identifier
    occurred_at: Moment
    kind: Kind
    amount: Amount
    currency: str
    country: Country
    lines: list[Line]


class TransactionHeaders(Struct, frozen=True, rename=lambda name: f"segue-{name.replace('_', '-')}"):
    """Headers of the record that holds a transaction; the worker needs none."""

    retry_of: Annotated[
        str | UnsetType, Meta(description="`LOG/PARTITION/OFFSET`: the dead letter that this puts back.")
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


class Tick(Struct, frozen=True, tag_field="type", tag="tick"):
    """Everything up to ``at`` has been sent on this partition (a punctuated watermark)."""

    at: Moment


class ModelActivation(Struct, frozen=True, tag_field="type", tag="model"):
    """From here on, ``model`` decides."""

    model: SegmentModel
