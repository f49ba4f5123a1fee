"""The filters of an audience as conditions on the table of customers."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from data.postgres.past_moments import IdRange
from data.postgres.rfm import net_spend, recency_days
from data.postgres.tables import customers, segment_changes
from models.audience import AudienceDefinition, Range

Columns = ReadOnlyColumnCollection[str, Any]


def conditions(definition: AudienceDefinition, event_time: datetime) -> list[ColumnElement[bool]]:
    """What Postgres decides of who is in an audience at event time.

    A customer in no segment, who never bought, is in no audience.
    """
    return _conditions(definition, customers.c, recency_days(event_time), _moves(definition, event_time))


def past_conditions(
    definition: AudienceDefinition, at: datetime, then: Columns, ids: IdRange
) -> list[ColumnElement[bool]]:
    """The same as of a past moment.

    Parameters
    ----------
    then
        Columns of the table of customers, as these were at the moment, and ``recency_days``.
    ids
        A range that all of them are in.
    """
    moves = [*past_moves(definition, at), *ids.has(segment_changes.c.customer_id)]
    return _conditions(definition, then, then.recency_days, moves)


def past_moves(definition: AudienceDefinition, at: datetime) -> list[ColumnElement[bool]]:
    """Conditions on the table of changes: the moves that a definition asks for as of a past moment."""
    return [*_moves(definition, at), segment_changes.c.effective_at <= at]


def _conditions(
    definition: AudienceDefinition, of: Columns, recency: ColumnElement[int], moves: list[ColumnElement[bool]]
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [of.segment.is_not(None)]
    if definition.segments:
        found.append(of.segment.in_(definition.segments))
    if definition.countries:
        found.append(of.country.in_(definition.countries))
    found += _within(recency, definition.recency_days)
    found += _within(of.frequency, definition.frequency)
    found += _within(net_spend(of), definition.net_spend)
    if definition.asks_for_moves:
        found.append(of.customer_id.in_(select(segment_changes.c.customer_id).where(*moves)))
    return found


def _within(value: ColumnElement[Any], wanted: Range) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.least is not None:
        found.append(value >= wanted.least)
    if wanted.most is not None:
        found.append(value <= wanted.most)
    return found


def _moves(definition: AudienceDefinition, event_time: datetime) -> list[ColumnElement[bool]]:
    """One and the same change has left and entered, and is not older than asked for."""
    changes, since = segment_changes.c, definition.since_moment(event_time)
    found: list[ColumnElement[bool]] = []
    if definition.moved_from:
        found.append(changes.from_segment.in_(definition.moved_from))
    if definition.moved_to:
        found.append(changes.to_segment.in_(definition.moved_to))
    if since is not None:
        found.append(changes.effective_at >= since)
    return found
