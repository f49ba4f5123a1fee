"""What predictions are compared with: customers as they were at a past moment, and who of them has ordered since.

Orders are those of the ledger, each in its last revision; a cancelled one counts nothing.
"""

from datetime import datetime

import numpy as np
from sqlalchemy import Connection, func, select

from data.postgres import model_registry
from data.postgres.drift import model_periods
from data.postgres.expressions import lowest_hashes, micros
from data.postgres.ledger_totals import SALE
from data.postgres.tables import customers, transactions
from models.rhythm.carried import rhythm_of
from models.rhythm.checked_model import RhythmPeriod
from models.rhythm.histories import Histories
from models.rhythm.prediction_check import PastCustomers
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.units import to_micros

_c, _t = customers.c, transactions.c


def past_customers(
    connection: Connection, begin: datetime, end: datetime, most_customers: int = MOST_CUSTOMERS
) -> PastCustomers:
    """Customers who had ordered by ``begin``, in the order of ids, and who of them ordered after it, up to ``end``.

    At most this many customers, those with the lowest hash of their id: what they buy has no influence on the choice.
    Only the orders of these are read, by the index.
    """
    chosen = lowest_hashes(select(_c.customer_id).where(_c.first_purchase_at <= begin), most_customers)
    by_then = _t.occurred_at <= begin
    query = (
        select(
            micros(func.min(_t.occurred_at)),
            micros(func.max(_t.occurred_at).filter(by_then)),
            func.count().filter(by_then),
            func.max(_t.occurred_at) > begin,
        )
        .where(_t.customer_id.in_(chosen), SALE, _t.occurred_at <= end)
        .group_by(_t.customer_id)
        .having(func.min(_t.occurred_at) <= begin)
        .order_by(_t.customer_id)
    )
    rows = connection.execute(query).all()
    first, last, count = np.array([row[:3] for row in rows], dtype=np.int64).reshape(-1, 3).T
    return PastCustomers(Histories(first, last, count), np.array([row[3] for row in rows], dtype=np.bool_))


def rhythm_periods(connection: Connection, earliest: datetime, latest: datetime) -> list[RhythmPeriod]:
    """When which rhythm model was active on all partitions, for all periods with a moment between these two."""
    asked = [
        period
        for period in model_periods(connection)
        if (period.until is None or period.until > earliest) and (period.since is None or period.since <= latest)
    ]
    models = model_registry.read_all(connection, {period.model_version for period in asked})
    found = []
    for period in asked:
        model = models.get(period.model_version)
        rhythm = None if model is None else rhythm_of(model)
        if rhythm is not None:
            borders = (None if moment is None else to_micros(moment) for moment in (period.since, period.until))
            found.append(RhythmPeriod(period.model_version, rhythm, *borders))
    return found
