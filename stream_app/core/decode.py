"""Unit of work, step 1: from records of the log to the columns of a micro-batch.

Only the fields that the worker needs are decoded. A record that can't be decoded, or breaks a rule, is a dead letter.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from typing import Any, Literal, Self

import msgspec

from data.contract.dead_letters import one_line_reason
from data.contract.wire import Erasure, ModelActivation, Tick, TransactionHeader
from models.segment_model import ModelError, SegmentModel, checked, to_json
from models.units import MONEY_DECIMALS
from stream_app.core.bounds import ONE_DAY, FutureError, event_time
from stream_app.core.columns import LONG_AGO
from stream_app.core.control import ANYONE, ControlError, ControlRules
from stream_app.core.decode_columns import DecodedColumns, columns
from stream_app.core.log_record import LogRecord
from stream_app.core.reasons import in_words

# The columns of a batch that describe its transactions, and need no computing when a batch is split or extended.
_COLUMNS = ("record", "transaction_id", "customer_id", "country", "kind", "occurred_at", "amount", "revision")

_decoder = msgspec.json.Decoder(TransactionHeader | Tick | ModelActivation | Erasure)

DeadLetterKind = Literal["invalid", "future", "control"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied: its original bytes, and the reason.

    ``kind`` is for the metrics: an event time in the future, a control record whose producer may not write it, or
    anything else. ``log_id`` is the log of the offset; None is the one that the partition follows.
    """

    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    kind: DeadLetterKind = "invalid"
    log_id: str | None = None

    @classmethod
    def of(cls, record: LogRecord, reason: str, kind: DeadLetterKind = "invalid") -> Self:
        """A record and the reason, as one line of printable text.

        A reason may quote the record, which can hold characters that Postgres does not store.
        """
        return cls(record.offset, one_line_reason(reason), record.key, record.value, kind)


@dataclass(slots=True)
class MicroBatch:
    """Decoded records of one partition in the order of the log; the lists have one entry for each transaction.

    ``watermark_before`` is the newest tick of the batch before each transaction, and ``watermark`` the newest tick of
    the whole batch; both are ``LONG_AGO`` without a tick. ``model`` is the model that the last record activates, if
    that record is a model, and ``erased`` the customer whom it erases, if it is an erasure. ``forgotten`` counts the
    records of forgotten customers that were dropped from the batch. ``control_number`` is the number of the newest
    signed model that was accepted so far, and ``control_number_before`` the number before the batch. ``size`` is the
    number of bytes of all values. ``raw`` has every record, and ``ticks`` the offset and the moment of every tick, so
    that a batch can be split.
    """

    first_offset: int
    next_offset: int
    watermark: int = LONG_AGO
    size: int = 0
    model: SegmentModel | None = None
    erased: str | None = None
    forgotten: int = 0
    control_number: int = 0
    control_number_before: int = 0
    raw: list[LogRecord] = field(default_factory=list)
    ticks: list[tuple[int, int]] = field(default_factory=list)
    record: list[LogRecord] = field(default_factory=list)
    transaction_id: list[str] = field(default_factory=list)
    customer_id: list[str] = field(default_factory=list)
    country: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    occurred_at: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)
    revision: list[int] = field(default_factory=list)
    watermark_before: list[int] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    @property
    def last_record(self) -> LogRecord | None:
        """The last record of the batch, if it has any."""
        return self.raw[-1] if self.raw else None

    @property
    def is_complete(self) -> bool:
        """Whether later records belong to another batch: the last one decides how they are applied."""
        return self.model is not None or self.erased is not None

    @property
    def records(self) -> int:
        """The number of offsets that the batch covers."""
        return self.next_offset - self.first_offset

    def extend(self, later: "MicroBatch") -> None:
        """Append the batch that follows this one in the log."""
        self.watermark_before += [max(watermark, self.watermark) for watermark in later.watermark_before]
        self.watermark = max(self.watermark, later.watermark)
        self.next_offset = later.next_offset
        self.size += later.size
        self.model, self.erased = later.model, later.erased
        self.control_number = max(self.control_number, later.control_number)
        for name in ("raw", "ticks", *_COLUMNS):
            getattr(self, name).extend(getattr(later, name))
        self.dead_letters += later.dead_letters

    def split_at(self, count: int) -> tuple["MicroBatch", "MicroBatch"]:
        """The batches of the first ``count`` offsets and of the others, as if each had been decoded alone."""
        offset = self.first_offset + count
        return self._part(self.first_offset, offset), self._part(offset, self.next_offset)

    def rejected(self, reason: str) -> "MicroBatch":
        """The same offsets with every record as a dead letter."""
        before = self.control_number_before
        return MicroBatch(
            self.first_offset,
            self.next_offset,
            size=self.size,
            control_number=before,
            control_number_before=before,
            raw=self.raw,
            dead_letters=[DeadLetter.of(record, reason) for record in self.raw],
        )

    def _part(self, start: int, stop: int) -> "MicroBatch":
        raw = [record for record in self.raw if start <= record.offset < stop]
        ticks = [tick for tick in self.ticks if start <= tick[0] < stop]
        offsets = [record.offset for record in self.record]
        rows = slice(bisect_left(offsets, start), bisect_left(offsets, stop))
        newest = list(accumulate((moment for _, moment in ticks), max, initial=LONG_AGO))
        return MicroBatch(
            start,
            stop,
            watermark=newest[-1],
            size=sum(len(record.value or b"") for record in raw),
            model=self.model if stop == self.next_offset else None,
            erased=self.erased if stop == self.next_offset else None,
            control_number=self.control_number if stop == self.next_offset else self.control_number_before,
            control_number_before=self.control_number_before,
            raw=raw,
            ticks=ticks,
            watermark_before=[newest[bisect_left(ticks, (offset, LONG_AGO))] for offset in offsets[rows]],
            dead_letters=[letter for letter in self.dead_letters if start <= letter.offset < stop],
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
        )


def columns_of(batch: MicroBatch) -> dict[str, list[Any]]:
    """The columns with one entry for each transaction of a batch, by name."""
    return {name: getattr(batch, name) for name in (*_COLUMNS, "watermark_before")}


def decode(
    records: Sequence[LogRecord],
    currency: str,
    max_ahead: timedelta = ONE_DAY,
    control: ControlRules = ANYONE,
    control_number: int = 0,
) -> list[MicroBatch]:
    """Batches of consecutive records.

    A model ends its batch, since it decides the segments of all later records (rescoring, step 1). So does an erasure,
    since its customer's later records are dropped.

    Parameters
    ----------
    currency
        The currency of all amounts.
    max_ahead
        How far an event time may be after its record's Kafka timestamp.
    control
        Who may write control records.
    control_number
        The number of the newest model before these records.
    """
    found = columns(records, currency, max_ahead, control) if records else None
    if found is not None:
        return [_batch(records, found, control_number)]
    decoder = _Decoder(currency, max_ahead, control)
    batches: list[MicroBatch] = []
    batch: MicroBatch | None = None
    for record in records:
        if batch is None or batch.is_complete:
            control_number = control_number if batch is None else batch.control_number
            batch = MicroBatch(
                record.offset, record.offset, control_number=control_number, control_number_before=control_number
            )
            batches.append(batch)
        batch.next_offset = record.offset + 1
        batch.size += len(record.value or b"")
        batch.raw.append(record)
        try:
            decoder.add(batch, record)
        except RecursionError:
            batch.dead_letters.append(DeadLetter.of(record, "the record is nested too deeply"))
        except FutureError as error:
            batch.dead_letters.append(DeadLetter.of(record, str(error), "future"))
        except ControlError as error:
            batch.dead_letters.append(DeadLetter.of(record, str(error), "control"))
        except (msgspec.MsgspecError, ValueError) as error:
            batch.dead_letters.append(DeadLetter.of(record, in_words(str(error))))
    return batches


def _batch(records: Sequence[LogRecord], found: DecodedColumns, control_number: int) -> MicroBatch:
    """The batch of records that are all transactions or ticks, and all good."""
    filled: dict[str, Any] = found._asdict() | {"amount": list(map(_money, found.amount))}
    return MicroBatch(
        records[0].offset,
        records[-1].offset + 1,
        size=sum(len(record.value or b"") for record in records),
        control_number=control_number,
        control_number_before=control_number,
        raw=list(records),
        **filled,
    )


@dataclass(slots=True)
class _Decoder:
    """Adds records to batches by the rules of one stream."""

    currency: str
    max_ahead: timedelta
    control: ControlRules

    def add(self, batch: MicroBatch, record: LogRecord) -> None:
        """Decode a record and add it; raises ValueError or MsgspecError if it breaks a rule."""
        if record.value is None:
            raise ValueError("the record has no value")
        message = _decoder.decode(record.value)
        if type(message) is TransactionHeader:
            self._add_transaction(batch, record, message)
        elif type(message) is Tick:
            # Ticks, step 2.
            self.control.number(record.headers, record.value)
            tick = event_time(message.at, "the tick is", record.timestamp, self.max_ahead)
            batch.watermark = max(batch.watermark, tick)
            batch.ticks.append((record.offset, tick))
        elif type(message) is Erasure:
            if record.key != message.customer_id.encode():
                raise ValueError("the record's key is not its customer_id")
            self.control.number(record.headers, record.value)
            batch.erased = message.customer_id
        else:
            assert isinstance(message, ModelActivation)  # noqa: S101 - the union has no fifth member
            number = self.control.model_number(record.headers, record.value, batch.control_number)
            batch.model = _storable(checked(message.model))
            batch.control_number = number

    def _add_transaction(self, batch: MicroBatch, record: LogRecord, message: TransactionHeader) -> None:
        if message.currency != self.currency:
            raise ValueError(f"the currency is {message.currency[:8]}, not {self.currency}: amounts can't be added up")
        if record.key != message.customer_id.encode():
            raise ValueError("the record's key is not its customer_id")
        subject = "the transaction happened"
        occurred_at = event_time(message.occurred_at, subject, record.timestamp, self.max_ahead)
        batch.record.append(record)
        batch.transaction_id.append(message.transaction_id)
        batch.customer_id.append(message.customer_id)
        batch.country.append(message.country)
        batch.kind.append(message.kind)
        batch.occurred_at.append(occurred_at)
        batch.amount.append(_money(message.amount))
        batch.revision.append(message.revision)
        batch.watermark_before.append(batch.watermark)


def _storable(model: SegmentModel) -> SegmentModel:
    if rb"\u0000" in to_json(model):
        raise ModelError("the model has a text with a null character in it, which Postgres can't store")
    return model


def _money(text: str) -> int:
    """An amount in ten-thousandths; the wire type has validated its format."""
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(MONEY_DECIMALS, "0"))
