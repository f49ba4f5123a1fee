"""What the model page asks: registered models, the customers that they score, and what drift observation has seen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pandas as pd
from sqlalchemy import BigInteger, Connection, cast, func, select

from dashboard.shared.rfm import recency_days
from data.postgres import model_registry
from data.postgres.frames import frame
from data.postgres.tables import customers, drift_alarms, drift_observations, models, stream_progress
from models.segment_model import ModelError, SegmentModel, from_json
from models.units import MONEY_UNITS

MOST_VERSIONS = 50
#: Customers that a comparison scores at most; with fewer everybody counts.
SAMPLE = 20_000
#: Days before the newest observation that are shown: a handful of numbers each.
OBSERVED_DAYS = 1_000


@dataclass(frozen=True)
class Version:
    """A registered model, the aliases that point to it, and the partitions that it is in force on."""

    model: SegmentModel
    created_at: datetime
    aliases: tuple[str, ...]
    partitions: int


def versions(connection: Connection) -> list[Version]:
    """The newest models and all that an alias points to, the newest first; one that can't be read is left out."""
    names = model_registry.aliases(connection)
    force = select(stream_progress.c.model_version, func.count()).group_by(stream_progress.c.model_version)
    in_force = {row[0]: row[1] for row in connection.execute(force)}
    newest = select(models.c.version).order_by(models.c.created_at.desc()).limit(MOST_VERSIONS)
    wanted = models.c.version.in_(newest) | models.c.version.in_([*names.values(), *filter(None, in_force)])
    found = []
    for row in connection.execute(select(models).where(wanted).order_by(models.c.created_at.desc(), models.c.version)):
        try:
            model = from_json(msgspec.json.encode(row.spec))
        except ModelError:
            continue
        own = tuple(sorted(alias for alias, version in names.items() if version == row.version))
        found.append(Version(model, row.created_at, own, in_force.get(row.version, 0)))
    return found


def sizes(connection: Connection) -> dict[str, int]:
    """Customers by segment id, without those who have none."""
    c = customers.c
    query = select(c.segment, func.count()).where(c.segment.is_not(None)).group_by(c.segment)
    return {row[0]: row[1] for row in connection.execute(query)}


def profiles(connection: Connection, event_time: datetime, limit: int = SAMPLE) -> tuple[pd.DataFrame, int]:
    """Customers who ever bought, as models see them, and how many there are in all.

    By customer_id: recency_days, frequency, gross_units, returned_units. Where there are more than ``limit``, about so
    many of them, always the same ones.
    """
    c = customers.c
    bought = c.frequency > 0
    everybody = connection.execute(select(func.count()).where(bought)).scalar_one()
    money = [cast(column * MONEY_UNITS, BigInteger).label(f"{column.name}_units") for column in (c.gross, c.returned)]
    recency = recency_days(event_time).label("recency_days")
    query = select(c.customer_id, recency, c.frequency, *money).where(bought)
    if everybody > limit:
        parts = -(-everybody // limit)
        query = query.where(func.mod(func.abs(cast(func.hashtext(c.customer_id), BigInteger)), parts) == 0)
    return frame(connection, query).set_index("customer_id"), everybody


def observations(connection: Connection, version: str) -> pd.DataFrame:
    """What was observed of a model in the last :data:`OBSERVED_DAYS`, in order of event time.

    window_end, measure, name, value, reference, threshold, customers, alarm.
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
    """When a model was first observed; None if it never was."""
    o = drift_observations.c
    first: datetime | None = connection.scalar(select(func.min(o.window_end)).where(o.model_version == version))
    return first


def alarms(connection: Connection, limit: int) -> pd.DataFrame:
    """The newest alarms of all models: window_end, model_version, measure, name, value, reference, threshold."""
    a = drift_alarms.c
    columns = (a.window_end, a.model_version, a.measure, a.name, a.value, a.reference, a.threshold)
    return frame(connection, select(*columns).order_by(a.window_end.desc(), a.measure, a.name).limit(limit))
