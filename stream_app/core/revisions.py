"""What a later revision of a transaction does to its customer. Pure.

A revision replaces the transaction that the ledger has, so that the customer's totals are those of the last revisions
alone. Totals change by the difference of the two. The first and the last purchase are looked up among all transactions
of the customer, because the one that is replaced may have been either of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.decay import NEVER
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import MicroBatch
from stream_app.core.deduplicate import LedgerContent, LedgerKey, added


class Effect(NamedTuple):
    """What a revision adds to frequency, gross and returned, and the customer's first and last purchase after it.

    Moments are microseconds, ``NEVER`` and ``LONG_AGO`` without a purchase.
    """

    purchases: int
    gross: int
    returned: int
    first_purchase_at: int
    last_purchase_at: int


def revising_customers(batch: MicroBatch) -> list[str]:
    """The customers of whom a batch may have revisions: all their transactions in the ledger are needed."""
    pairs = zip(batch.customer_id, batch.revision, strict=True)
    return list(dict.fromkeys(customer for customer, revision in pairs if revision))


def effects(
    batch: MicroBatch,
    applied: Sequence[int],
    replaced: Mapping[int, LedgerContent],
    ledger: Mapping[LedgerKey, LedgerContent],
) -> dict[int, Effect]:
    """The effect of each revision, by its place among the applied rows.

    Parameters
    ----------
    applied
        The rows of the batch that count, in the order of the log.
    replaced
        By row, for revisions: the content that it replaces.
    ledger
        Every stored transaction of the customers of revisions.
    """
    found: dict[int, Effect] = {}
    purchases = _purchases({batch.customer_id[row] for row in replaced}, ledger)
    for at, row in enumerate(applied if purchases else []):
        own = purchases.get(batch.customer_id[row])
        if own is None:
            continue
        own.pop(batch.transaction_id[row], None)
        if batch.kind[row] == "sale":
            own[batch.transaction_id[row]] = batch.occurred_at[row]
        if (old := replaced.get(row)) is not None:
            plus, minus = added(batch.kind[row], batch.amount[row]), added(old.kind, old.amount)
            found[at] = Effect(
                plus[0] - minus[0],
                plus[1] - minus[1],
                plus[2] - minus[2],
                first_purchase_at=min(own.values(), default=NEVER),
                last_purchase_at=max(own.values(), default=LONG_AGO),
            )
    return found


def _purchases(customers: set[str], ledger: Mapping[LedgerKey, LedgerContent]) -> dict[str, dict[str, int]]:
    """By customer: the moment of each purchase, by transaction id."""
    found: dict[str, dict[str, int]] = {customer: {} for customer in customers}
    if found:
        for (customer, transaction_id), content in ledger.items():
            if customer in found and content.kind == "sale":
                found[customer][transaction_id] = content.occurred_at
    return found
