"""What the HTTP API answers about audiences.

Who is in an audience may take seconds to find out in a large shop. So it happens in a thread, for one request after the
other, and a count is cached for some seconds.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from data.contract.change_events import segment_ref
from data.postgres import audience_members, audiences
from data.postgres.audience_members import AudienceMoment, FoundMembers, at_one_moment, parts
from data.postgres.audiences import Audience
from data.postgres.database import engine
from models.audience import NO_STATE
from models.audience_text import to_text
from models.rhythm.risk import RISK_STATES
from models.units import MONEY_UNITS, from_micros, money_text
from services.api.schemas import AudienceMember, AudienceMembers, AudienceNames, AudienceSummary

REMEMBERED_SECONDS = 15.0
_MOST_REMEMBERED = 1_000
T = TypeVar("T")


class AudienceReader:
    """Reads audiences, over one connection at a time."""

    def __init__(self, database_url: str) -> None:
        self._engine = engine(database_url)
        self._one_at_a_time = asyncio.Lock()
        self._counted: dict[tuple[str, str], tuple[float, AudienceSummary]] = {}

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    async def names(self) -> AudienceNames:
        """The names of all audiences."""
        return await self._ask(lambda connection: AudienceNames(audiences.names(connection)))

    async def summary(self, name: str) -> AudienceSummary:
        """An audience, and how many customers are in it, found out in the last seconds.

        Raises
        ------
        NotFoundError
            If there is none of that name, the stream has no event time, or predictions are needed and there are none.
        """
        return await self._ask(lambda connection: self._summary(connection, name))

    async def members(self, name: str, after: str, limit: int, as_of: datetime | None = None) -> AudienceMembers:
        """The first members with an id above ``after``, now or as of a past moment.

        Raises
        ------
        NotFoundError
            As :meth:`summary`, or if the audience can't be shown as of the moment.
        """
        return await self._ask(lambda connection: _page(connection, name, after, limit, as_of))

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._asked, question)

    def _asked(self, question: Callable[[Connection], T]) -> T:
        with at_one_moment(self._engine) as connection:
            return question(connection)

    def _summary(self, connection: Connection, name: str) -> AudienceSummary:
        found = audiences.find(connection, name)
        key = (found.name, to_text(found.definition))
        until, known = self._counted.get(key, (0.0, None))
        if known is None or time.monotonic() > until:
            known = _counted(connection, found, audience_members.moment(connection))
            if len(self._counted) >= _MOST_REMEMBERED:
                self._counted.clear()
            self._counted[key] = (time.monotonic() + REMEMBERED_SECONDS, known)
        return known


def _counted(connection: Connection, found: Audience, now: AudienceMoment) -> AudienceSummary:
    number = audience_members.count(connection, found.definition, now)
    return AudienceSummary(
        found.name, to_text(found.definition), number, now.event_time, found.created_at, found.changed_at
    )


def _page(connection: Connection, name: str, after: str, limit: int, as_of: datetime | None) -> AudienceMembers:
    found, now = audiences.find(connection, name), audience_members.moment(connection, as_of)
    personas = audience_members.segment_names(connection, now)
    rows: list[AudienceMember] = []
    # Postgres has no such character in a text, so no id is above it.
    if "\0" not in after:
        options = {"with_rhythm": True, "with_stays": True}
        for part in parts(connection, found.definition, now, after=after or None, size=max(limit, 1_000), **options):
            rows += [_member(part, row, personas) for row in part.rows[: limit + 1 - len(rows)].tolist()]
            if len(rows) > limit:
                break
    return AudienceMembers(rows[:limit], now.event_time, rows[limit - 1].customer_id if len(rows) > limit else None)


def _member(part: FoundMembers, row: int, personas: dict[str, str]) -> AudienceMember:
    customers, stays, found = part.customers, part.stays, part.found
    if stays is None:
        raise ValueError("read the members with their stays")
    before = stays.previous.of(row)
    state = None if found is None or found.state[row] == NO_STATE else RISK_STATES[int(found.state[row])]
    return AudienceMember(
        customers.customer_id.of(row),
        segment_ref(customers.segment.of(row) or "", personas),
        from_micros(int(stays.since[row])),
        segment_ref(before, personas) if before else None,
        int(stays.recency_days[row]),
        int(customers.histories.orders[row]),
        money_text(round(float(customers.spent[row]) * MONEY_UNITS)),
        state,
    )
