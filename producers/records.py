"""The records of a replay in the order in which they are sent: transactions, and the ticks between them. Pure.

The dataset alone decides them. A replay sends a tick at every midnight of event time and one at the end, so that decay
happens on time on days without a purchase.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from data.contract.wire import Transaction
from data.datasets.dataset import Dataset
from models.units import from_micros, to_micros
from producers.pace import days_between
from producers.section import Section

#: How a shifted period is written behind a transaction id, such as ``536365~2``.
PERIOD_MARK = "~"


class ReplayRecord(NamedTuple):
    """A record to be sent when event time (micros) reaches ``due``; without a key, it is a tick at ``due``.

    ``occurred_at`` is the moment of the transaction; ``due`` is later if the record is held back. ``known`` says that
    the ledger had the transaction before the replay.
    """

    due: int
    occurred_at: int
    key: bytes | None
    value: bytes
    known: bool = False


@dataclass(frozen=True, slots=True)
class SectionPeriod:
    """A repetition of a section: all its times are ``shift`` micros later, and its ids end with the period's number."""

    number: int = 1
    shift: int = 0

    def transaction_id(self, original: str) -> str:
        """The id of a transaction in this period."""
        return original if self.number == 1 else f"{original}{PERIOD_MARK}{self.number}"

    def moved(self, transaction: Transaction) -> Transaction:
        """The transaction in this period."""
        if self.number == 1:
            return transaction
        moment = from_micros(to_micros(transaction.occurred_at) + self.shift)
        identity = self.transaction_id(transaction.transaction_id)
        return msgspec.structs.replace(transaction, transaction_id=identity, occurred_at=moment)


FIRST_PERIOD = SectionPeriod()


def records(dataset: Dataset, section: Section, period: SectionPeriod = FIRST_PERIOD) -> Iterator[ReplayRecord]:
    """The records of a section, whose moments are those of the period already; none of its ticks goes back.

    This is step 1 of ticks (docs/mechanisms/ticks.md).
    """
    ticked = section.event_start
    for transaction, known in _transactions(dataset, section, period):
        moment = to_micros(transaction.occurred_at)
        for midnight in days_between(ticked, moment):
            yield tick(midnight)
            ticked = midnight
        yield ReplayRecord(moment, moment, transaction.customer_id.encode(), msgspec.json.encode(transaction), known)
    for moment in last_ticks(ticked, section.event_end):
        yield tick(moment)


def ticks(section: Section) -> int:
    """How many ticks :func:`records` has for a section."""
    return len(days_between(section.event_start, section.event_end - 1)) + (section.event_end >= section.event_start)


def last_ticks(ticked: int, event_end: int) -> list[int]:
    """The moments of the ticks from ``ticked`` until the end of a section."""
    return [*days_between(ticked, event_end - 1), *([event_end] if event_end >= ticked else [])]


def tick(moment: int) -> ReplayRecord:
    """The record of a tick. Its value is written when it is sent."""
    return ReplayRecord(moment, moment, None, b"")


def _transactions(dataset: Dataset, section: Section, period: SectionPeriod) -> Iterator[tuple[Transaction, bool]]:
    transactions = dataset.wire_transactions(section.start, section.stop)
    for number, transaction in enumerate(transactions, section.start):
        if section.sends(number):
            yield period.moved(transaction), section.is_known(number)
