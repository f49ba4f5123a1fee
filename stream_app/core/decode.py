"""Unit of work, step 1: from records of the log to the columns of a micro-batch.

Only the fields that the worker needs are decoded. A record that can't be decoded, or breaks a rule, is a dead letter.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Protocol, Self

import msgspec

from data.contract.wire import ModelActivation, Tick, TransactionHeader
from models.segment_model import ModelError, SegmentModel, checked, to_json
from models.units import MONEY_DECIMALS, to_micros
from stream_app.core.columns import LONG_AGO

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = to_micros(EARLIEST), to_micros(LATEST)

_REASON_LENGTH = 500
# The columns of a batch that describe its transactions, and need no computing when a batch is split or extended.
_COLUMNS = ("record", "transaction_id", "customer_id", "country", "kind", "occurred_at", "amount")

_decoder = msgspec.json.Decoder(TransactionHeader | Tick | ModelActivation)


class LogRecord(Protocol):
    """A record as the Kafka client returns it."""

    @property
    def offset(self) -> int:
        """The offset in its partition."""

    @property
    def key(self) -> bytes | None:
        """The key, if the record has one."""

    @property
    def value(self) -> bytes | None:
        """The value, if the record has one."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied: its original bytes, and the reason."""

    offset: int
    reason: str
    key: bytes | None
    value: bytes | None

    @classmethod
    def of(cls, record: LogRecord, reason: str) -> Self:
        """A record and the reason, as one line of printable text.

        A reason may quote the record, which can hold characters that Postgres does not store.
        """
        line = " ".join(reason.split())[:_REASON_LENGTH]
        printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
        return cls(record.offset, printable, record.key, record.value)


@dataclass(slots=True)
class MicroBatch:
    """Decoded records of one partition in the order of the log; the lists have one entry for each transaction.

    ``watermark_before`` is the newest tick of the batch before each transaction, and ``watermark`` the newest tick of
    the whole batch; both are ``LONG_AGO`` without a tick. ``model`` is the model that the last record activates, if
    that record is a model. ``size`` is the number of bytes of all values. ``raw`` has every record, and ``ticks`` the
    offset and the moment of every tick, so that a batch can be split.
    """

    first_offset: int
    next_offset: int
    watermark: int = LONG_AGO
    size: int = 0
    model: SegmentModel | None = None
    raw: list[LogRecord] = field(default_factory=list)
    ticks: list[tuple[int, int]] = field(default_factory=list)
    record: list[LogRecord] = field(default_factory=list)
    transaction_id: list[str] = field(default_factory=list)
    customer_id: list[str] = field(default_factory=list)
    country: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    occurred_at: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)
    watermark_before: list[int] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

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
        self.model = later.model
        for name in ("raw", "ticks", *_COLUMNS):
            getattr(self, name).extend(getattr(later, name))
        self.dead_letters += later.dead_letters

    def split_at(self, count: int) -> tuple["MicroBatch", "MicroBatch"]:
        """The batches of the first ``count`` offsets and of the others, as if each had been decoded alone."""
        offset = self.first_offset + count
        return self._part(self.first_offset, offset), self._part(offset, self.next_offset)

    def rejected(self, reason: str) -> "MicroBatch":
        """The same offsets with every record as a dead letter."""
        letters = [DeadLetter.of(record, reason) for record in self.raw]
        return MicroBatch(self.first_offset, self.next_offset, size=self.size, raw=self.raw, dead_letters=letters)

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
            raw=raw,
            ticks=ticks,
            watermark_before=[newest[bisect_left(ticks, (offset, LONG_AGO))] for offset in offsets[rows]],
            dead_letters=[letter for letter in self.dead_letters if start <= letter.offset < stop],
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
        )


def decode(records: Iterable[LogRecord], currency: str) -> list[MicroBatch]:
    """Batches of consecutive records.

    A model ends its batch, since it decides the segments of all later records (rescoring, step 1).
    """
    batches: list[MicroBatch] = []
    batch: MicroBatch | None = None
    for record in records:
        if batch is None or batch.model is not None:
            batch = MicroBatch(record.offset, record.offset)
            batches.append(batch)
        batch.next_offset = record.offset + 1
        batch.size += len(record.value or b"")
        batch.raw.append(record)
        try:
            _add(batch, record, currency)
        except RecursionError:
            batch.dead_letters.append(DeadLetter.of(record, "the record is nested too deeply"))
        except (msgspec.MsgspecError, ValueError) as error:
            batch.dead_letters.append(DeadLetter.of(record, str(error)))
    return batches


def _add(batch: MicroBatch, record: LogRecord, currency: str) -> None:
    if record.value is None:
        raise ValueError("the record has no value")
    message = _decoder.decode(record.value)
    if type(message) is TransactionHeader:
        _add_transaction(batch, record, message, currency)
    elif type(message) is Tick:
        # Ticks, step 2.
        moment = _moment(message.at)
        batch.watermark = max(batch.watermark, moment)
        batch.ticks.append((record.offset, moment))
    else:
        assert isinstance(message, ModelActivation)  # noqa: S101 - the union has no fourth member
        batch.model = _storable(checked(message.model))


def _add_transaction(batch: MicroBatch, record: LogRecord, message: TransactionHeader, currency: str) -> None:
    if message.currency != currency:
        raise ValueError(f"the currency is {message.currency[:8]}, not {currency}: amounts can't be added up")
    if record.key != message.customer_id.encode():
        raise ValueError("the record's key is not its customer_id")
    occurred_at = _moment(message.occurred_at)
    batch.record.append(record)
    batch.transaction_id.append(message.transaction_id)
    batch.customer_id.append(message.customer_id)
    batch.country.append(message.country)
    batch.kind.append(message.kind)
    batch.occurred_at.append(occurred_at)
    batch.amount.append(_money(message.amount))
    batch.watermark_before.append(batch.watermark)


def _storable(model: SegmentModel) -> SegmentModel:
    if rb"\u0000" in to_json(model):
        raise ModelError("the model has a text with a null character in it, which Postgres can't store")
    return model


def _moment(moment: datetime) -> int:
    micros = to_micros(moment)
    if not _EARLIEST <= micros < _LATEST:
        raise ValueError(f"{moment.isoformat()} is not between {EARLIEST.year} and {LATEST.year}")
    return micros


def _money(text: str) -> int:
    """An amount in ten-thousandths; the wire type has validated its format."""
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(MONEY_DECIMALS, "0"))
