"""The simulator's oracle on the messages of a stream."""

from collections.abc import Iterable
from decimal import Decimal

from data.contract.wire import ModelActivation, Tick, Transaction
from models.segment_model import SegmentModel
from models.units import to_micros
from sim.kafka.log import ProducedContent
from sim.meanings import KnownRecord, Meaning, NewModel, Order, TickAt
from sim.oracle import ExpectedOutcome, Oracle
from tests.support.in_memory_worker import Message


def expected_outcome(model: SegmentModel | None, messages: Iterable[Message], most_days: int = 400) -> ExpectedOutcome:
    """What a partition must have after some messages; a customer is followed for ``most_days`` days of silence."""
    oracle = Oracle(model, signed=False, most_days=most_days)
    for offset, message in enumerate(messages):
        oracle.add(offset, KnownRecord(ProducedContent(None, None, offset), _meaning(message)))
    return oracle.outcome()


def _meaning(message: Message) -> Meaning:
    match message:
        case Transaction():
            moment, amount = to_micros(message.occurred_at), int(Decimal(message.amount) * 10_000)
            sent = (message.transaction_id, message.customer_id, moment, message.kind, amount)
            return Order(*sent, message.revision, message.country)
        case Tick():
            return TickAt(to_micros(message.at))
        case ModelActivation():
            return NewModel(message.model, 0)
    raise AssertionError(message)
