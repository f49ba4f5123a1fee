"""From when on the history of changes is whole, by what is stored: no permanent record says what was pruned."""

from datetime import datetime

from sqlalchemy import Connection, Table, func, literal, select, union_all


def whole_since(connection: Connection, changes: Table) -> datetime | None:
    """The moment that every pruned history begins at or before; None if no history was pruned.

    Pruning leaves each customer at most one change before the time that is kept. So pruned histories begin before any
    customer's second stored change. A few wrong rows must not hide that, and a history whose beginning was lost in
    another way must not look pruned: each pruned history speaks for the moments after its beginning, and each second
    change against those after it. The moment with the most voices is the answer, if more speak for it than against.

    Parameters
    ----------
    changes
        The table ``segment_changes`` or ``risk_changes``.
    """
    place = func.row_number().over(partition_by=changes.c.customer_id, order_by=changes.c.sequence)
    placed = select(changes.c.effective_at, changes.c.sequence, place.label("place")).subquery()
    begins = select(placed.c.effective_at, literal(1).label("voice")).where(placed.c.place == 1, placed.c.sequence > 1)
    seconds = select(placed.c.effective_at, literal(-1).label("voice")).where(placed.c.place == 2)
    voices = union_all(begins, seconds).subquery()
    total = func.sum(voices.c.voice).over(order_by=(voices.c.effective_at, voices.c.voice.desc()), rows=(None, 0))
    counted = select(voices, total.label("total")).subquery()
    best = (
        select(counted.c.effective_at)
        .where(counted.c.voice == 1, counted.c.total > 0)
        .order_by(counted.c.total.desc(), counted.c.effective_at)
        .limit(1)
    )
    found: datetime | None = connection.execute(best).scalar_one_or_none()
    return found
