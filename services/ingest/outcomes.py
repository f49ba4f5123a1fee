"""What becomes of a record: transactions, nothing, or a dead letter."""

from dataclasses import dataclass

from data.contract import wire
from data.datasets.one_order import LeftOut
from services.ingest.envelope import Gone


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """The transactions of a record: a sale or a return, and what was paid back later, if the record says so."""

    transactions: list[wire.Transaction]


@dataclass(frozen=True, slots=True)
class Passed:
    """A record that is no transaction although nothing is wrong with it."""

    why: LeftOut | Gone


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that can't be used. ``is_ambiguous`` says that it has two readings, and the mapping has to choose."""

    reason: str
    is_ambiguous: bool = False


RecordOutcome = AcceptedRecord | Passed | Rejected
