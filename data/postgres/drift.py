"""Drift in Postgres: the periods of each model, the measurements of its observed days, and the alarms."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import drift_alarms, drift_observations, model_reigns, stream_progress
from models.drift.observation import Measurement, Observation
from models.units import from_micros

_observations, _alarms = drift_observations.c, drift_alarms.c


class ModelPeriod(NamedTuple):
    """The event time during which a model was active on all partitions.

    ``since`` is None for the first model of the stream, ``until`` for the active one.
    """

    model_version: str
    since: datetime | None
    until: datetime | None


class PartitionModelPeriod(NamedTuple):
    """The event time during which a model was active on one partition."""

    partition: int
    model_version: str
    since: datetime | None
    until: datetime | None


def model_periods(connection: Connection) -> list[ModelPeriod]:
    """All model periods so far, in order of time."""
    now, past = stream_progress.c, model_reigns.c
    current = select(now.partition, now.model_version, now.model_since, null()).where(now.model_version.is_not(None))
    over = select(past.partition, past.model_version, past.since, past.until)
    return common_periods(PartitionModelPeriod(*row) for row in connection.execute(over.union_all(current)))


def common_periods(periods: Iterable[PartitionModelPeriod]) -> list[ModelPeriod]:
    """The periods during which the same model was active on all partitions, in order of time.

    Partitions activate a model at different event times. Activating the active model again begins no new period.
    """
    known = list(periods)
    partitions = {period.partition for period in known}
    borders = sorted({border for period in known for border in (period.since, period.until) if border is not None})
    found: list[ModelPeriod] = []
    for since, until in pairwise([None, *borders, None]):
        versions = [period.model_version for period in known if _covers(period, since, until)]
        if len(versions) != len(partitions) or len(set(versions)) != 1:
            continue
        if found and found[-1].until == since and found[-1].model_version == versions[0]:
            since = found.pop().since
        found.append(ModelPeriod(versions[0], since, until))
    return found


def _covers(period: PartitionModelPeriod, since: datetime | None, until: datetime | None) -> bool:
    begins = period.since is None or (since is not None and period.since <= since)
    ends = period.until is None or (until is not None and until <= period.until)
    return begins and ends


def newest_window(connection: Connection, period: ModelPeriod) -> datetime | None:
    """The end of the newest observed day of a model period; None if no day has been observed."""
    query = select(func.max(_observations.window_end)).where(_observations.model_version == period.model_version)
    if period.since is not None:
        query = query.where(_observations.window_end > period.since)
    if period.until is not None:
        query = query.where(_observations.window_end <= period.until)
    newest: datetime | None = connection.execute(query).scalar_one()
    return newest


def save(connection: Connection, model_version: str, observed: Iterable[Observation]) -> None:
    """Store observed days and their alarms. Rows that exist already stay unchanged."""
    windows = list(observed)
    for table, rows in (
        (drift_observations, [_row(model_version, w, m) for w in windows for m in w.measurements]),
        (drift_alarms, [_alarm(model_version, w, m) for w in windows for m in w.raised]),
    ):
        if rows:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)


def alarm_id(model_version: str, end: int, measurement: Measurement) -> str:
    """The id of an alarm, which is the same every time the alarm is found."""
    what = ":".join(part for part in (measurement.measure, measurement.name) if part)
    return f"{model_version}:{from_micros(end):%Y-%m-%d}:{what}"


def unpublished(engine: Engine) -> Sequence[Row[Any]]:
    """Alarms that are not known to be in the drift topic, oldest first."""
    query = select(drift_alarms).where(~_alarms.published).order_by(_alarms.window_end, _alarms.id)
    with engine.connect() as connection:
        return connection.execute(query).all()


def mark_published(engine: Engine, ids: Iterable[str]) -> None:
    """Store that the drift topic has these alarms."""
    with engine.begin() as connection:
        connection.execute(update(drift_alarms).where(_alarms.id.in_(list(ids))).values(published=True))


def newest(engine: Engine, model_version: str) -> Sequence[Row[Any]]:
    """The measurements of the newest observed day of a model."""
    of_model = _observations.model_version == model_version
    last = select(func.max(_observations.window_end)).where(of_model).scalar_subquery()
    query = select(drift_observations).where(of_model, _observations.window_end == last)
    with engine.connect() as connection:
        return connection.execute(query.order_by(_observations.measure, _observations.name)).all()


def alarms(engine: Engine, model_version: str) -> Sequence[Row[Any]]:
    """The alarms of a model, newest first."""
    query = select(drift_alarms).where(_alarms.model_version == model_version)
    with engine.connect() as connection:
        return connection.execute(query.order_by(_alarms.window_end.desc(), _alarms.id)).all()


def _row(model_version: str, window: Observation, measurement: Measurement) -> dict[str, Any]:
    return {
        "model_version": model_version,
        "window_end": from_micros(window.end),
        "measure": measurement.measure,
        "name": measurement.name,
        "value": measurement.value,
        "reference": measurement.reference,
        "threshold": measurement.threshold,
        "customers": measurement.customers,
        "alarm": measurement.alarm,
    }


def _alarm(model_version: str, window: Observation, measurement: Measurement) -> dict[str, Any]:
    row = _row(model_version, window, measurement)
    del row["alarm"]
    return row | {"id": alarm_id(model_version, window.end, measurement)}
