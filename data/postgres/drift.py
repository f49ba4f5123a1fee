"""Drift at rest: which model was in force when, what its windows looked like, and the alarms that were raised."""

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
    """A stretch of event time during which one model was in force everywhere.

    ``since`` is None for the model that the stream began with, ``until`` for the one that is in force.
    """

    model_version: str
    since: datetime | None
    until: datetime | None


class PartitionModelPeriod(NamedTuple):
    """The same on one partition."""

    partition: int
    model_version: str
    since: datetime | None
    until: datetime | None


def reigns(connection: Connection) -> list[ModelPeriod]:
    """All reigns so far, in order of time."""
    now, past = stream_progress.c, model_reigns.c
    current = select(now.partition, now.model_version, now.model_since, null()).where(now.model_version.is_not(None))
    over = select(past.partition, past.model_version, past.since, past.until)
    return common(PartitionModelPeriod(*row) for row in connection.execute(over.union_all(current)))


def common(stints: Iterable[PartitionModelPeriod]) -> list[ModelPeriod]:
    """The stretches of event time during which all partitions had the same model, in order of time.

    A model comes to each partition at a time of its own; activating the one that is in force begins nothing new.
    """
    known = list(stints)
    partitions = {stint.partition for stint in known}
    borders = sorted({border for stint in known for border in (stint.since, stint.until) if border is not None})
    found: list[ModelPeriod] = []
    for since, until in pairwise([None, *borders, None]):
        versions = [stint.model_version for stint in known if _covers(stint, since, until)]
        if len(versions) != len(partitions) or len(set(versions)) != 1:
            continue
        if found and found[-1].until == since and found[-1].model_version == versions[0]:
            since = found.pop().since
        found.append(ModelPeriod(versions[0], since, until))
    return found


def _covers(stint: PartitionModelPeriod, since: datetime | None, until: datetime | None) -> bool:
    begins = stint.since is None or (since is not None and stint.since <= since)
    ends = stint.until is None or (until is not None and until <= stint.until)
    return begins and ends


def reached(connection: Connection) -> datetime | None:
    """The event time that every partition has reached; None before the first tick."""
    time = stream_progress.c.event_time
    slowest, everywhere = connection.execute(select(func.min(time), func.bool_and(time.is_not(None)))).one()
    return slowest if everywhere else None


def newest_window(connection: Connection, reign: ModelPeriod) -> datetime | None:
    """The end of the newest window of a reign that has been observed."""
    query = select(func.max(_observations.window_end)).where(_observations.model_version == reign.model_version)
    if reign.since is not None:
        query = query.where(_observations.window_end > reign.since)
    if reign.until is not None:
        query = query.where(_observations.window_end <= reign.until)
    newest: datetime | None = connection.execute(query).scalar_one()
    return newest


def save(connection: Connection, model_version: str, observed: Iterable[Observation]) -> None:
    """Keep windows and their alarms; those that are there already stay as they are."""
    windows = list(observed)
    for table, rows in (
        (drift_observations, [_row(model_version, w, m) for w in windows for m in w.measurements]),
        (drift_alarms, [_alarm(model_version, w, m) for w in windows for m in w.raised]),
    ):
        if rows:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)


def alarm_id(model_version: str, end: int, measurement: Measurement) -> str:
    """The same for the same alarm, however often it is found."""
    what = ":".join(part for part in (measurement.measure, measurement.name) if part)
    return f"{model_version}:{from_micros(end):%Y-%m-%d}:{what}"


def unpublished(engine: Engine) -> Sequence[Row[Any]]:
    """Alarms that the topic is not known to have, oldest first."""
    query = select(drift_alarms).where(~_alarms.published).order_by(_alarms.window_end, _alarms.id)
    with engine.connect() as connection:
        return connection.execute(query).all()


def mark_published(engine: Engine, ids: Iterable[str]) -> None:
    """Note that the topic has some alarms."""
    with engine.begin() as connection:
        connection.execute(update(drift_alarms).where(_alarms.id.in_(list(ids))).values(published=True))


def newest(engine: Engine, model_version: str) -> Sequence[Row[Any]]:
    """The measurements of the newest window of a model."""
    of_model = _observations.model_version == model_version
    last = select(func.max(_observations.window_end)).where(of_model).scalar_subquery()
    query = select(drift_observations).where(of_model, _observations.window_end == last)
    with engine.connect() as connection:
        return connection.execute(query.order_by(_observations.measure, _observations.name)).all()


def alarms(engine: Engine, model_version: str) -> Sequence[Row[Any]]:
    """Everything that has been raised for a model, newest first."""
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
