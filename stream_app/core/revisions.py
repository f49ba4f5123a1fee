"""What a later revision of a transaction does to its customer. Pure.

A revision replaces the transaction that the ledger has, so that the customer's totals are those of the last revisions
alone. Totals change by the difference of the two. The first and the last purchase are looked up among all transactions
of the customer, because the one that is replaced may have been either of them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.decay import NEVER
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import MicroBatch
from stream_app.core.deduplicate import LedgerContent, LedgerKey, added


class Effect(NamedTuple):
    """What a transaction adds to frequency, gross and returned, and the first and the last purchase that it makes.

    For a revision, these are the customer's purchases after it; otherwise its own moment, if it is a purchase. Moments
    are microseconds, ``NEVER`` and ``LONG_AGO`` without a purchase.
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
    applied: Iterable[int],
    replaced: Mapping[int, LedgerContent],
    ledger: Mapping[LedgerKey, LedgerContent],
) -> list[Effect]:
    """The effect of each row of a batch that counts.

    Parameters
    ----------
    applied
        The rows, in the order of the log.
    replaced
        By row, for revisions: the content that it replaces.
    ledger
        Every stored transaction of the customers of revisions.
    """
    purchases = _purchases({batch.customer_id[row] for row in replaced}, ledger)
    found = []
    for row in applied:
        moment, amount = batch.occurred_at[row], batch.amount[row]
        count, gross, returned = added(batch.kind[row], amount)
        own = purchases.get(batch.customer_id[row])
        if own is not None:
            own.pop(batch.transaction_id[row], None)
            if count:
                own[batch.transaction_id[row]] = moment
        if (old := replaced.get(row)) is not None:
            before = added(old.kind, old.amount)
            moments = (own or {}).values()
            first, last = min(moments, default=NEVER), max(moments, default=LONG_AGO)
            found.append(Effect(count - before[0], gross - before[1], returned - before[2], first, last))
        else:
            found.append(Effect(count, gross, returned, moment if count else NEVER, moment if count else LONG_AGO))
    return found


def _purchases(customers: set[str], ledger: Mapping[LedgerKey, LedgerContent]) -> dict[str, dict[str, int]]:
    """By customer: the moment of each purchase, by transaction id."""
    found: dict[str, dict[str, int]] = {customer: {} for customer in customers}
    if found:
        for (customer, transaction_id), content in ledger.items():
            if customer in found and content.kind == "sale":
                found[customer][transaction_id] = content.occurred_at
    return found
