"""The model page's queries: registered models, the customers that they score, and drift observations."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import BigInteger, Connection, cast, func, select

from data.postgres import model_registry
from data.postgres.counted import counted_customers
from data.postgres.frames import frame
from data.postgres.rfm import recency_days
from data.postgres.tables import customers, drift_alarms, drift_observations, models, stream_progress
from models.segment_model import ModelError, SegmentModel
from models.units import MONEY_UNITS

MOST_VERSIONS = 50
#: A comparison scores at most about this many customers.
SAMPLE = 20_000
#: Days before the newest observation that are shown.
OBSERVED_DAYS = 1_000


@dataclass(frozen=True)
class Version:
    """A registered model, the aliases that point to it, and the number of partitions on which it is active."""

    model: SegmentModel
    created_at: datetime
    aliases: tuple[str, ...]
    partitions: int


def versions(connection: Connection) -> list[Version]:
    """The newest models, and all that have an alias or are active, the newest first; unreadable ones are left out."""
    names = model_registry.aliases(connection)
    active_query = select(stream_progress.c.model_version, func.count()).group_by(stream_progress.c.model_version)
    active = {row[0]: row[1] for row in connection.execute(active_query)}
    newest = select(models.c.version).order_by(models.c.created_at.desc()).limit(MOST_VERSIONS)
    wanted = models.c.version.in_(newest) | models.c.version.in_([*names.values(), *filter(None, active)])
    found = []
    query = select(models.c.version, models.c.created_at, *model_registry.SPECIFICATION).where(wanted)
    for row in connection.execute(query.order_by(models.c.created_at.desc(), models.c.version)):
        try:
            model = model_registry.from_row(row)
        except ModelError:
            continue
        its_aliases = tuple(sorted(alias for alias, version in names.items() if version == row.version))
        found.append(Version(model, row.created_at, its_aliases, active.get(row.version, 0)))
    return found


def sizes(connection: Connection) -> dict[str, int]:
    """The number of customers by segment id, without those who have no segment."""
    c = customers.c
    query = select(c.segment, func.count()).where(c.segment.is_not(None)).group_by(c.segment)
    return {row[0]: row[1] for row in connection.execute(query)}


def profiles(
    connection: Connection, event_time: datetime, window_days: int | None = None, limit: int = SAMPLE
) -> tuple[pd.DataFrame, int]:
    """Customers who ever bought, as models with a window see them, and their total number.

    By customer_id: recency_days, frequency, gross_units, returned_units. If there are more than
    ``limit``, about ``limit`` of them, always the same ones.
    """
    total = connection.execute(select(func.count()).where(customers.c.frequency > 0)).scalar_one()
    people = counted_customers(window_days, event_time)
    c = people.c
    bought = c.frequency > 0 if window_days is None else c.last_purchase_at.is_not(None)
    money = [cast(column * MONEY_UNITS, BigInteger).label(f"{column.name}_units") for column in (c.gross, c.returned)]
    recency = recency_days(event_time, people).label("recency_days")
    query = select(c.customer_id, recency, c.frequency, *money).where(bought)
    if total > limit:
        parts = -(-total // limit)
        query = query.where(func.mod(func.abs(cast(func.hashtext(c.customer_id), BigInteger)), parts) == 0)
    return frame(connection, query).set_index("customer_id"), total


def observations(connection: Connection, version: str) -> pd.DataFrame:
    """A model's drift observations of the last :data:`OBSERVED_DAYS`, in order of event time.

    Columns window_end, measure, name, value, reference, threshold, customers, alarm.
    """
    o = drift_observations.c
    columns = (o.window_end, o.measure, o.name, o.value, o.reference, o.threshold, o.customers, o.alarm)
    last = select(func.max(o.window_end)).where(o.model_version == version).scalar_subquery()
    shown = o.window_end > last - timedelta(days=OBSERVED_DAYS)
    newest = select(*columns).where(o.model_version == version, shown)
    rows = frame(connection, newest)
    return rows.assign(window_end=pd.to_datetime(rows["window_end"], utc=True)).sort_values(
        ["window_end", "measure", "name"], ignore_index=True
    )


def observed_since(connection: Connection, version: str) -> datetime | None:
    """The event time of a model's first drift observation; None if there is none."""
    o = drift_observations.c
    first: datetime | None = connection.scalar(select(func.min(o.window_end)).where(o.model_version == version))
    return first


def alarms(connection: Connection, limit: int) -> pd.DataFrame:
    """The newest alarms of all models: window_end, model_version, measure, name, value, reference, threshold."""
    a = drift_alarms.c
    columns = (a.window_end, a.model_version, a.measure, a.name, a.value, a.reference, a.threshold)
    return frame(connection, select(*columns).order_by(a.window_end.desc(), a.measure, a.name).limit(limit))
