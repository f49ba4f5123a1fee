"""The countries of a shop's customers, which lists to choose from need: counted at most every few seconds."""

from functools import partial

from sqlalchemy import Connection, func, select

from dashboard.shared.caching import RecentAnswer, per_database
from dashboard.shared.page import Moment
from data.postgres.tables import customers


def by_frequency(moment: Moment) -> list[str]:
    """Every customer's country, the most frequent first; perhaps as of some seconds ago."""
    kept = per_database(moment.connection.engine, _new)
    return kept.read(moment.progress, partial(read, moment.connection)).value


def read(connection: Connection) -> list[str]:
    """Every customer's country now, the most frequent first."""
    c = customers.c
    return list(connection.scalars(select(c.country).group_by(c.country).order_by(func.count().desc(), c.country)))


def _new() -> RecentAnswer[list[str]]:
    return RecentAnswer()
