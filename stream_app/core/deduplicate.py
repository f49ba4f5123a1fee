"""Unit of work, step 3: which transactions of a micro-batch count. Pure.

The ledger holds every transaction that was ever applied, by customer and transaction id. A repeated transaction is a
duplicate and changes nothing. A known id with other content, and a customer of another partition, are dead letters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_app.core.decode import DeadLetter, MicroBatch

LedgerKey = tuple[str, str]
"""Customer id and transaction id."""
LedgerContent = tuple[int, str, int]
"""The moment in microseconds, the kind, and the amount in ten-thousandths."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The result of deduplication.

    ``applied`` are the rows of the micro-batch to apply, ``dead_letters`` all records that can't be applied, those
    that could not be decoded included, and ``duplicates`` is the number of repeated transactions.
    """

    applied: list[int]
    dead_letters: list[DeadLetter]
    duplicates: int


def admit(
    batch: MicroBatch,
    ledger: Mapping[LedgerKey, LedgerContent],
    home_partitions: Mapping[str, int],
    partition: int,
    partition_of: Callable[[str], int],
) -> Admission:
    """Decide which transactions of a micro-batch count.

    Parameters
    ----------
    ledger
        The content of those transactions of the batch that were applied before.
    home_partitions
        The partition of each known customer.
    partition
        The partition that the batch was read from.
    partition_of
        The partition of a customer id; called for new customers only.
    """
    homes, seen = dict(home_partitions), dict(ledger)
    applied, dead_letters, duplicates = [], list(batch.dead_letters), 0
    contents = zip(batch.occurred_at, batch.kind, batch.amount, strict=True)
    for i, (customer_id, content) in enumerate(zip(batch.customer_id, contents, strict=True)):
        key = (customer_id, batch.transaction_id[i])
        known = seen.setdefault(key, content)
        if known is not content:
            if known == content:
                duplicates += 1
            else:
                reason = "a transaction with this id but other content is known"
                dead_letters.append(DeadLetter.of(batch.record[i], reason))
            continue
        home = homes.get(customer_id)
        if home is None:
            home = homes[customer_id] = partition_of(customer_id)
        if home == partition:
            applied.append(i)
        else:
            del seen[key]
            reason = f"the customer belongs to partition {home}: is the producer's partitioner murmur2_random?"
            dead_letters.append(DeadLetter.of(batch.record[i], reason))
    return Admission(applied, dead_letters, duplicates)
