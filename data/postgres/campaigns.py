"""Campaigns in Postgres: what was fixed at the start of each, and its customers, frozen at that moment."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from data.postgres.tables import campaign_members, campaigns, customers
from models.campaigns.assignment import KEY_BYTES, assign

_AT_ONCE = 10_000
# Assignments and tombstones are written by one process at a time. Any number that nothing else locks.
_LOCK = 5_020_177
_SHOWN = ("name", "holdout", "horizon_days", "started_at", "treated", "held_out", "base_share", "published")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was fixed at the start of a campaign.

    Attributes
    ----------
    holdout
        The share that was to be held out, from 0 to 1.
    started_at
        In event time: only what happened later counts.
    treated, held_out
        Numbers of customers at the start; those who were forgotten since are among them.
    base_share
        The share of the customers who bought in a usual stretch of the horizon before; None if nothing is known.
    published
        Whether the topic has the assignments.
    """

    name: str
    holdout: float
    horizon_days: int
    started_at: datetime
    treated: int
    held_out: int
    base_share: float | None
    published: bool

    @property
    def ends_at(self) -> datetime:
        """The end of the horizon, in event time."""
        return self.started_at + timedelta(days=self.horizon_days)

    def days_until(self, event_time: datetime) -> int:
        """The whole days from the start to a moment, as far as the horizon goes."""
        return min(max((event_time - self.started_at) // timedelta(days=1), 0), self.horizon_days)


class CampaignMember(NamedTuple):
    """A customer of a campaign, and their segment at its start."""

    customer_id: str
    held_out: bool
    segment: str | None


class Holdout(NamedTuple):
    """The event time during which a customer is held out of a campaign."""

    started_at: datetime
    ends_at: datetime


def listed(connection: Connection) -> list[Campaign]:
    """All campaigns, the newest first."""
    columns = [campaigns.c[name] for name in _SHOWN]
    found = connection.execute(select(*columns).order_by(campaigns.c.started_at.desc(), campaigns.c.name))
    return [Campaign(*row) for row in found]


def find(connection: Connection, name: str) -> Campaign | None:
    """The campaign of a name; None if there is none."""
    return next((each for each in listed(connection) if each.name == name), None)


def segments(connection: Connection, customer_ids: Sequence[str]) -> dict[str, str | None]:
    """The segments of those of some customers whom the stream knows, by id."""
    found: dict[str, str | None] = {}
    for begin in range(0, len(customer_ids), _AT_ONCE):
        some = customers.c.customer_id.in_(customer_ids[begin : begin + _AT_ONCE])
        found.update(
            tuple(row) for row in connection.execute(select(customers.c.customer_id, customers.c.segment).where(some))
        )
    return found


_BUYERS = text("""
SELECT count(DISTINCT customer_id) FILTER (WHERE occurred_at > :begin AND occurred_at <= :end), min(occurred_at)
FROM transactions WHERE kind = 'sale' AND customer_id = ANY (:ids)
""")
_A_YEAR, _MOST_STRETCHES = 365, 12


def usual_share(connection: Connection, customer_ids: Sequence[str], now: datetime, days: int) -> float | None:
    """The share of some customers who bought in a usual stretch of this many days before a moment.

    It is the mean over the stretches of the last year, at most twelve, since the first of them bought; None if there is
    no whole one.
    """
    shares: list[float] = []
    for number in range(min(max(_A_YEAR // days, 1), _MOST_STRETCHES)):
        end = now - timedelta(days=number * days)
        begin = end - timedelta(days=days)
        buyers, first = connection.execute(_BUYERS, {"ids": [*customer_ids], "begin": begin, "end": end}).one()
        if first is None or first > begin:
            break
        shares.append(buyers / len(customer_ids))
    return sum(shares) / len(shares) if shares else None


def create(connection: Connection, new: Campaign, members: dict[str, str | None]) -> Campaign:
    """Store a new campaign, and draw who is held out; returns it with the sizes of its groups.

    Parameters
    ----------
    members
        The segments of its customers, by id.
    """
    key = secrets.token_bytes(KEY_BYTES)
    drawn = assign(key, new.name, members, new.holdout)
    held_out = int(drawn.held_out.sum())
    values = {name: getattr(new, name) for name in _SHOWN}
    values |= {"key": key, "held_out": held_out, "treated": len(members) - held_out}
    connection.execute(insert(campaigns).values(values))
    rows = [
        {"campaign": new.name, "customer_id": customer, "segment": segment, "held_out": out, "number": number}
        for (customer, segment), out, number in zip(
            members.items(), drawn.held_out.tolist(), drawn.number.tolist(), strict=True
        )
    ]
    for begin in range(0, len(rows), _AT_ONCE):
        connection.execute(insert(campaign_members), rows[begin : begin + _AT_ONCE])
    return Campaign(**{name: values[name] for name in _SHOWN})


def members(connection: Connection, name: str) -> list[CampaignMember]:
    """The customers of a campaign who are not forgotten, in an order that says nothing about who they are."""
    c = campaign_members.c
    query = select(c.customer_id, c.held_out, c.segment).where(c.campaign == name).order_by(c.number)
    return [CampaignMember(*row) for row in connection.execute(query)]


def holdouts(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[Holdout]]:
    """When those of some customers who are held out of any campaign are, by id."""
    m, c = campaign_members.c, campaigns.c
    query = (
        select(m.customer_id, c.started_at, c.horizon_days)
        .join(campaigns, c.name == m.campaign)
        .where(m.held_out, m.customer_id.in_(customer_ids))
    )
    found: dict[str, list[Holdout]] = {}
    for customer, started_at, days in connection.execute(query):
        found.setdefault(customer, []).append(Holdout(started_at, started_at + timedelta(days=days)))
    return found


def names(engine: Engine) -> list[str]:
    """The names of all campaigns."""
    with engine.connect() as connection:
        return [*connection.execute(select(campaigns.c.name)).scalars()]


def delete_member(engine: Engine, customer_id: str) -> None:
    """Delete a customer from all campaigns."""
    with engine.begin() as connection:
        connection.execute(delete(campaign_members).where(campaign_members.c.customer_id == customer_id))


def mark_published(engine: Engine, name: str) -> None:
    """Note that the topic has the assignments of a campaign."""
    with engine.begin() as connection:
        connection.execute(update(campaigns).where(campaigns.c.name == name).values(published=True))


@contextmanager
def only_writer(engine: Engine) -> Iterator[None]:
    """Within the block, nobody else writes assignments or tombstones; wait for a writer that does."""
    with engine.begin() as connection:
        # The lock of a database transaction, since a pooler may give the session to somebody else.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        yield
