"""The whole history of customers under one model, as if the model had been active from the beginning. Pure.

Every order counts from its own event time, so no order is late. Apart from that, the rules are those that the worker
applies: the same function decides every state and every decay.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.segment_model import SegmentModel
from models.units import Ints
from stream_app.core.apply import CAUSES
from stream_app.core.columns import LONG_AGO, Cause, Profiles, Records, SegmentChanges
from stream_app.core.counted import CountedTransactions
from stream_app.core.transition import apply_records


class Orders(NamedTuple):
    """n orders and returns, each customer's in order of event time; those of different customers may be mixed.

    Parameters
    ----------
    customer
        Number of the customer, from 0.
    occurred_at
        In microseconds.
    kind
        ``sale`` or ``return``.
    amount
        In ten-thousandths.
    """

    customer: Ints
    occurred_at: Ints
    kind: Sequence[str]
    amount: Ints

    def records(self) -> Records:
        """The orders as records that a worker reads before any tick."""
        cause = np.array([CAUSES[kind] for kind in self.kind], dtype=np.int64)
        return Records.of(self.customer, self.occurred_at, self.amount, cause, np.full(len(cause), LONG_AGO))


def whole_history(model: SegmentModel, customer_id: list[str], orders: Orders, until: int) -> SegmentChanges:
    """All changes of some customers that are effective by a moment.

    Parameters
    ----------
    customer_id
        The id of each customer, by number.
    orders
        All of these customers' orders up to the moment.
    until
        In microseconds.

    Returns
    -------
    SegmentChanges
        ``customer`` is the number of the customer, and ``record`` the row of the order.
    """
    records = orders.records()
    counted = None
    if model.window_days is not None:
        each = np.arange(len(records.cause))
        is_sale = (records.cause == Cause.PURCHASE.value).astype(np.int64)
        columns = (orders.customer, each, orders.occurred_at, np.ones_like(each), is_sale, orders.amount)
        counted = CountedTransactions.of(model.window_days, *columns)
    return apply_records(model, Profiles.new(customer_id), records, until, counted).changes
