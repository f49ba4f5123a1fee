"""The filters of an audience as conditions on the table of customers."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from data.postgres.rfm import recency_days
from data.postgres.tables import customers, segment_changes
from models.audience import AudienceDefinition, Range

_c = customers.c
_NET = _c.gross - _c.returned


def conditions(definition: AudienceDefinition, event_time: datetime) -> list[ColumnElement[bool]]:
    """What Postgres decides of who is in an audience at event time.

    Who is in no segment, because they never bought, is in no audience.
    """
    found: list[ColumnElement[bool]] = [_c.segment.is_not(None)]
    if definition.segments:
        found.append(_c.segment.in_(definition.segments))
    if definition.countries:
        found.append(_c.country.in_(definition.countries))
    found += _within(recency_days(event_time), definition.recency_days)
    found += _within(_c.frequency, definition.frequency)
    found += _within(_NET, definition.net_spend)
    if definition.asks_for_moves:
        found.append(_c.customer_id.in_(select(segment_changes.c.customer_id).where(*_moves(definition, event_time))))
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
