"""What was in a trailing window at a past moment: the orders and returns of all customers."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from data.postgres.expressions import micros
from data.postgres.frames import copied, money_units
from data.postgres.tables import transactions

_t = transactions.c


def orders_in_a_window(
    connection: Connection, moment: datetime, window_days: int, customer_id: list[str]
) -> pd.DataFrame:
    """The orders and returns of some customers that were in the window at a moment, as the ledger has them now.

    Cancelled ones are left out.

    Returns
    -------
    DataFrame
        Sorted by ``customer``, the place of the id in ``customer_id``: ``customer, occurred_at`` (microseconds),
        ``is_sale`` (1 for a sale, 0 for a return), ``amount_units`` (ten-thousandths).
    """
    query = select(
        _t.customer_id,
        micros(_t.occurred_at).label("occurred_at"),
        _t.kind,
        money_units(_t.amount).label("amount_units"),
    ).where(_t.occurred_at > moment - timedelta(days=window_days), _t.occurred_at <= moment, _t.kind != "cancelled")
    rows = copied(connection, query, {"customer_id": "category", "kind": "category"})
    known = rows["customer_id"].cat
    place = pd.Index(customer_id, dtype="str").get_indexer(pd.Index(known.categories, dtype="str"))
    customer = place.astype(np.int64)[known.codes]
    found = pd.DataFrame(
        {
            "customer": customer,
            "occurred_at": rows["occurred_at"],
            "is_sale": (rows["kind"] == "sale").astype("int64"),
            "amount_units": rows["amount_units"],
        }
    )
    return found[customer >= 0].sort_values("customer", kind="stable", ignore_index=True)
