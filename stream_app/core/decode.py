"""From records of the log to columns: typed decoding of what the worker needs, and no more; bad records set aside."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
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

_decoder = msgspec.json.Decoder(TransactionHeader | Tick | ModelActivation)


class LogRecord(Protocol):
    """A record as the Kafka client hands it over."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied, whole, and why."""

    offset: int
    reason: str
    key: bytes | None
    value: bytes | None

    @classmethod
    def of(cls, record: LogRecord, reason: str) -> Self:
        """A record and the reason, on one line; what it quotes may hold anything, and Postgres refuses some of it."""
        line = " ".join(reason.split())[:_REASON_LENGTH]
        printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
        return cls(record.offset, printable, record.key, record.value)


@dataclass(slots=True)
class MicroBatch:
    """Records of one partition in log order, decoded; rows of the lists are transactions.

    ``tick`` is the newest tick before each transaction, and ``until`` the newest of all, as far as this batch knows;
    ``LONG_AGO`` where it saw none. ``model`` is what its last record activates, if that is a model. ``size`` is the
    bytes that all its records hold.
    """

    first_offset: int
    next_offset: int
    until: int = LONG_AGO
    size: int = 0
    model: SegmentModel | None = None
    record: list[LogRecord] = field(default_factory=list)
    transaction_id: list[str] = field(default_factory=list)
    customer_id: list[str] = field(default_factory=list)
    country: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    occurred_at: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)
    tick: list[int] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How far the batch reaches along the log."""
        return self.next_offset - self.first_offset

    def extend(self, later: "MicroBatch") -> None:
        """Take in the batch that follows this one in the log."""
        self.tick += [max(tick, self.until) for tick in later.tick]
        self.until = max(self.until, later.until)
        self.next_offset = later.next_offset
        self.size += later.size
        self.model = later.model
        for name in ("record", "transaction_id", "customer_id", "country", "kind", "occurred_at", "amount"):
            getattr(self, name).extend(getattr(later, name))
        self.dead_letters += later.dead_letters


def decode(records: Iterable[LogRecord], currency: str) -> list[MicroBatch]:
    """Batches of consecutive records; a model ends a batch, since what follows it is decided by that model."""
    batches: list[MicroBatch] = []
    batch: MicroBatch | None = None
    for record in records:
        if batch is None or batch.model is not None:
            batch = MicroBatch(record.offset, record.offset)
            batches.append(batch)
        batch.next_offset = record.offset + 1
        batch.size += len(record.value or b"")
        try:
            _take(batch, record, currency)
        except RecursionError:
            batch.dead_letters.append(DeadLetter.of(record, "the record is nested too deeply"))
        except (msgspec.MsgspecError, ValueError) as error:
            batch.dead_letters.append(DeadLetter.of(record, str(error)))
    return batches


def _take(batch: MicroBatch, record: LogRecord, currency: str) -> None:
    if record.value is None:
        raise ValueError("the record has no value")
    message = _decoder.decode(record.value)
    if type(message) is TransactionHeader:
        _take_transaction(batch, record, message, currency)
    elif type(message) is Tick:
        batch.until = max(batch.until, _moment(message.at))
    else:
        assert isinstance(message, ModelActivation)  # noqa: S101 - the union has no fourth member
        batch.model = _storable(checked(message.model))


def _take_transaction(batch: MicroBatch, record: LogRecord, message: TransactionHeader, currency: str) -> None:
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
    batch.tick.append(batch.until)


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
    """Money units of an amount; the wire type has checked its form."""
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(MONEY_DECIMALS, "0"))
