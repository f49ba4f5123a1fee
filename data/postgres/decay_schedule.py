"""When time alone changes something next: what the clock of a live stream reads."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, func, select

from data.postgres.tables import customers, risk_states, stream_progress


def next_change_after(connection: Connection, moment: datetime) -> datetime | None:
    """The first moment after ``moment`` at which a segment or a risk state changes by time alone; None without one.

    Two index range scans for each partition.
    """
    firsts = _firsts(customers.c.partition, customers.c.next_change_at, moment)
    firsts_of_risk = _firsts(risk_states.c.partition, risk_states.c.next_at, moment)
    moments = firsts.union_all(firsts_of_risk).subquery()
    found: datetime | None = connection.execute(select(func.min(moments.c.first))).scalar_one()
    return found


def _firsts(partition: Column[int], next_at: Column[datetime], moment: datetime) -> Select[Any]:
    """The first moment of each partition."""
    first = (
        select(func.min(next_at))
        .where(partition == stream_progress.c.partition, next_at > moment)
        .correlate(stream_progress)
        .scalar_subquery()
    )
    return select(first.label("first")).select_from(stream_progress)
