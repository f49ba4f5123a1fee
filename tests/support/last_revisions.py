"""The orders of a log, each in its last revision, by a loop over the messages."""

from collections.abc import Iterable

from data.contract.wire import Transaction


def last_revisions(sent: Iterable[object]) -> list[Transaction]:
    """Each order as it was sent last."""
    orders: dict[tuple[str, str], Transaction] = {}
    for each in sent:
        if isinstance(each, Transaction):
            key = (each.customer_id, each.transaction_id)
            if key not in orders or orders[key].revision < each.revision:
                orders[key] = each
    return list(orders.values())
