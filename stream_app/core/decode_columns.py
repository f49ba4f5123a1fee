"""Unit of work, step 1, for many records at once: the columns of records that all obey every rule. Pure.

A rule of the wire types is checked once for a column instead of once for a field. If any record breaks a rule, or is
neither a transaction nor a tick, there is no result: :func:`stream_app.core.decode.decode` then looks at the records
one by one, and finds the reasons. So both ways lead to the same batches.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from msgspec import Struct

from data.contract.bounds import MAX_ID_LENGTH
from data.contract.wire import UNSPECIFIED, Kind, Moment, Revision, Tick
from models.units import to_micros
from stream_app.core.bounds import EARLIEST_MICROS, LATEST_MICROS, event_time
from stream_app.core.columns import LONG_AGO
from stream_app.core.control import ControlRules
from stream_app.core.log_record import LogRecord

_MICROSECOND = timedelta(microseconds=1)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
# One amount a line; see `data.contract.wire.Amount`.
_AMOUNTS = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,4})?\n)*")


class _Header(Struct, tag_field="type", tag="transaction", gc=False):
    """:class:`data.contract.wire.TransactionHeader` without the patterns of its texts."""

    transaction_id: str
    customer_id: str
    occurred_at: Moment
    kind: Kind
    amount: str
    currency: str
    country: str = UNSPECIFIED
    revision: Revision = 0


_decode = msgspec.json.Decoder(_Header | Tick).decode


class DecodedColumns(NamedTuple):
    """What records add to a :class:`stream_app.core.decode.MicroBatch`, under the names that it has there.

    Only ``amount`` is still a text.
    """

    watermark: int
    ticks: list[tuple[int, int]]
    watermark_before: list[int]
    record: list[LogRecord]
    transaction_id: list[str]
    customer_id: list[str]
    country: list[str]
    kind: list[str]
    occurred_at: list[int]
    amount: list[str]
    revision: list[int]


def columns(
    records: Sequence[LogRecord], currency: str, max_ahead: timedelta, control: ControlRules
) -> DecodedColumns | None:
    """The columns of records, by the parameters of :func:`stream_app.core.decode.decode`.

    None if a record breaks a rule, or is neither a transaction nor a tick.
    """
    try:
        messages = [_decode(record.value or b"") for record in records]
        found, transactions = _read(records, messages, max_ahead, control)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    is_right = (
        {message.currency for message in transactions} <= {currency}
        and all(
            record.key == customer.encode() for record, customer in zip(found.record, found.customer_id, strict=True)
        )
        and all(map(_are_identifiers, (found.transaction_id, found.customer_id, found.country)))
        and _are_amounts(found.amount)
        and _are_in_time(found, max_ahead)
    )
    return found if is_right else None


def _read(
    records: Sequence[LogRecord], messages: Sequence[_Header | Tick], max_ahead: timedelta, control: ControlRules
) -> tuple[DecodedColumns, list[_Header]]:
    """The columns, and the transactions that they were read from. Raises ValueError if a tick breaks a rule."""
    transactions: list[_Header] = []
    sources: list[LogRecord] = []
    watermark, ticks, before = LONG_AGO, [], []
    for record, message in zip(records, messages, strict=True):
        if isinstance(message, Tick):
            control.number(record.headers, record.value or b"")
            tick = event_time(message.at, "the tick is", record.timestamp, max_ahead)
            watermark = max(watermark, tick)
            ticks.append((record.offset, tick))
        else:
            transactions.append(message)
            sources.append(record)
            before.append(watermark)
    return DecodedColumns(
        watermark=watermark,
        ticks=ticks,
        watermark_before=before,
        record=sources,
        transaction_id=[message.transaction_id for message in transactions],
        customer_id=[message.customer_id for message in transactions],
        country=[message.country for message in transactions],
        kind=[message.kind for message in transactions],
        occurred_at=[to_micros(message.occurred_at) for message in transactions],
        amount=[message.amount for message in transactions],
        revision=[message.revision for message in transactions],
    ), transactions


def _are_identifiers(texts: Sequence[str]) -> bool:
    """Whether all texts are like :data:`data.contract.wire.Identifier`."""
    lengths, joined = list(map(len, texts)), "".join(texts)
    return (
        min(lengths, default=1) >= 1
        and max(lengths, default=1) <= MAX_ID_LENGTH
        # The first test is the fastest one, and refuses more than control characters.
        and (joined.isprintable() or _CONTROL_CHARACTER.search(joined) is None)
    )


def _are_amounts(texts: Sequence[str]) -> bool:
    """Whether all texts are like :data:`data.contract.wire.Amount`."""
    lines = "".join([f"{text}\n" for text in texts])
    return lines.count("\n") == len(texts) and _AMOUNTS.fullmatch(lines) is not None


def _are_in_time(found: DecodedColumns, max_ahead: timedelta) -> bool:
    """Whether no transaction is outside the bounds of event time (:func:`stream_app.core.bounds.event_time`)."""
    ahead = max_ahead // _MICROSECOND
    return (
        min(found.occurred_at, default=EARLIEST_MICROS) >= EARLIEST_MICROS
        and max(found.occurred_at, default=EARLIEST_MICROS) < LATEST_MICROS
        and not any(
            (timestamp := record.timestamp) is not None and 0 <= timestamp * 1_000 < micros - ahead
            for record, micros in zip(found.record, found.occurred_at, strict=True)
        )
    )
