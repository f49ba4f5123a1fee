"""When time alone changes the next segment: what the clock of a live stream reads."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from data.postgres.tables import customers, stream_progress


def next_change_after(connection: Connection, moment: datetime) -> datetime | None:
    """The first moment after ``moment`` at which a customer's segment changes by time alone; None if there is none.

    An index range scan for each partition.
    """
    first = (
        select(func.min(customers.c.next_change_at))
        .where(customers.c.partition == stream_progress.c.partition, customers.c.next_change_at > moment)
        .correlate(stream_progress)
        .scalar_subquery()
    )
    moments = select(first.label("first")).select_from(stream_progress).subquery()
    found: datetime | None = connection.execute(select(func.min(moments.c.first))).scalar_one()
    return found
