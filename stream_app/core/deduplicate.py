"""Unit of work, step 3: which transactions of a micro-batch count. Pure.

The ledger holds the last revision of every transaction that was ever applied, by customer and transaction id. A
repeated transaction or an older revision is a duplicate and changes nothing; a later revision replaces what is known. A
known revision with other content, a customer of another partition, and a transaction that would take a customer's
totals beyond what all arithmetic carries are dead letters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from models.units import money_text
from stream_app.core.decode import DeadLetter, MicroBatch

LedgerKey = tuple[str, str]
"""Customer id and transaction id."""


class LedgerContent(NamedTuple):
    """The moment in microseconds, the kind, the amount in ten-thousandths, and the revision."""

    occurred_at: int
    kind: str
    amount: int
    revision: int = 0


MOST_MONEY = 4 * 10**18
"""The most that a customer may have bought, or returned, in ten-thousandths: sums and differences of it fit 64 bits."""
MOST_PURCHASES = 2**31 - 1
"""The greatest frequency that the tables hold."""
_LIMITS = (MOST_PURCHASES, MOST_MONEY, MOST_MONEY)

Totals = tuple[int, int, int]
"""Frequency, gross and returned of a customer."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The result of deduplication.

    ``applied`` are the rows of the micro-batch to apply, and ``replaced`` has for those of them that are revisions what
    they replace. ``dead_letters`` are all records that can't be applied, those that could not be decoded included, and
    ``duplicates`` is the number of repeated transactions and older revisions.
    """

    applied: list[int]
    replaced: dict[int, LedgerContent]
    dead_letters: list[DeadLetter]
    duplicates: int


def admit(
    batch: MicroBatch,
    ledger: Mapping[LedgerKey, LedgerContent],
    known_partitions: Mapping[str, int],
    partition: int,
    partition_of: Callable[[str], int],
    totals: Mapping[str, Totals] | None = None,
) -> Admission:
    """Decide which transactions of a micro-batch count.

    Parameters
    ----------
    ledger
        The content of those transactions of the batch that were applied before.
    known_partitions
        The partition of each known customer.
    partition
        The partition that the batch was read from.
    partition_of
        The partition of a customer id; called for new customers only.
    totals
        The totals of each known customer before the batch; None if no customer can exceed a limit in this batch.
    """
    partition_by_customer: dict[str, int] = dict(known_partitions)
    if totals is None and not ledger and _is_all_new(batch, partition_by_customer, partition, partition_of):
        return Admission(list(range(len(batch.customer_id))), {}, list(batch.dead_letters), 0)
    # Plain tuples: a million transactions would need as many objects of a class.
    seen: dict[LedgerKey, tuple[int, str, int, int]] = dict(ledger)
    room = None if totals is None else _Room(totals)
    applied, replaced, dead_letters, duplicates = [], {}, list(batch.dead_letters), 0
    contents = zip(batch.occurred_at, batch.kind, batch.amount, batch.revision, strict=True)
    for i, (customer_id, content) in enumerate(zip(batch.customer_id, contents, strict=True)):
        key = (customer_id, batch.transaction_id[i])
        known = None if (stored := seen.get(key)) is None else LedgerContent._make(stored)
        revision = batch.revision[i]
        if known is not None and (revision < known.revision or content == known):
            duplicates += 1
            continue
        belongs_to = partition_by_customer.get(customer_id)
        if belongs_to is None:
            belongs_to = partition_by_customer[customer_id] = partition_of(customer_id)
        if known is not None and revision == known.revision:
            reason = "a transaction with this id but other content is known"
        elif belongs_to != partition:
            reason = f"the customer belongs to partition {belongs_to}: is the producer's partitioner murmur2_random?"
        else:
            reason = "" if room is None else room.add(customer_id, LedgerContent._make(content), known)
        if reason:
            dead_letters.append(DeadLetter.of(batch.record[i], reason))
            continue
        seen[key] = content
        applied.append(i)
        if known is not None:
            replaced[i] = known
    return Admission(applied, replaced, dead_letters, duplicates)


def _is_all_new(
    batch: MicroBatch, partition_by_customer: dict[str, int], partition: int, partition_of: Callable[[str], int]
) -> bool:
    """Whether nothing repeats within a batch, and all of it belongs to the partition, as in nearly every batch.

    Then there is nothing to decide row by row. ``partition_by_customer`` gets the partitions of new customers.
    """
    keys = set(zip(batch.customer_id, batch.transaction_id, strict=True))
    if len(keys) < len(batch.customer_id):
        return False
    customers = set(batch.customer_id)
    partition_by_customer.update(
        (customer, partition_of(customer)) for customer in customers.difference(partition_by_customer)
    )
    return all(partition_by_customer[customer] == partition for customer in customers)


def added(kind: str, amount: int) -> Totals:
    """What a transaction adds to frequency, gross and returned; a cancelled one adds nothing."""
    return int(kind == "sale"), amount if kind == "sale" else 0, amount if kind == "return" else 0


def may_exceed(batch: MicroBatch, most: Totals) -> bool:
    """Whether a batch could take a customer beyond a limit; ``most`` are the greatest totals among its customers."""
    added = sum(batch.amount)
    return most[0] + len(batch.amount) > MOST_PURCHASES or max(most[1:]) + added > MOST_MONEY


class _Room:
    """What each customer may still buy and return; a record that does not fit in changes nothing."""

    def __init__(self, totals: Mapping[str, Totals]) -> None:
        self._totals = dict(totals)

    def add(self, customer_id: str, content: LedgerContent, replaced: LedgerContent | None) -> str:
        """Add a transaction, in place of one if it is a revision; returns why it is refused, or an empty text."""
        totals = self._totals.get(customer_id, (0, 0, 0))
        plus = added(content.kind, content.amount)
        minus = (0, 0, 0) if replaced is None else added(replaced.kind, replaced.amount)
        frequency, gross, returned = (total + new - old for total, new, old in zip(totals, plus, minus, strict=True))
        after = (frequency, gross, returned)
        names = ("number of purchases", "total of purchases", "total of returns")
        limits = (f"{MOST_PURCHASES}", money_text(MOST_MONEY), money_text(MOST_MONEY))
        for name, limit, shown, value in zip(names, _LIMITS, limits, after, strict=True):
            if value > limit:
                return f"the customer's {name} would exceed {shown}"
        self._totals[customer_id] = after
        return ""
