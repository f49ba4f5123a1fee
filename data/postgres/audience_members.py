"""Who is in an audience at one moment of event time: the present one, or a past one.

Postgres decides what it can; risk states and money at stake are computed over columns of those who are left. Customers
are read in parts of a fixed size, so that memory does not grow with the shop.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, func, select, text

from data.postgres import audiences, customer_columns, model_registry, past_audiences
from data.postgres.audience_filters import conditions
from data.postgres.audiences import Audience
from data.postgres.customer_columns import CustomerColumns, Part, Stays, Texts
from data.postgres.past_audiences import PastMoment
from data.postgres.past_moments import PastError
from data.postgres.progress import watermark
from data.postgres.tables import customers
from models.audience import NO_STATE, AudienceDefinition, in_risk
from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.rhythms import Rhythms, rhythms
from models.units import Ints, to_micros
from runtime.errors import Hint, NotFoundError

#: Customers that are read at once.
PART = 50_000

_c = customers.c


@dataclass(frozen=True)
class AudienceMoment:
    """When an audience is asked for, and the champion's rhythm model; None if it carries none.

    ``past`` is None for the present. At a past moment, the rhythm model is that of the model that was active then.
    """

    event_time: datetime
    rhythm: RhythmModel | None
    past: PastMoment | None = None


@dataclass(frozen=True)
class FoundMembers:
    """Members of an audience, in the order of their ids.

    Parameters
    ----------
    rows
        The rows of ``customers`` and of the other columns that are members; the others only pass what Postgres decides.
    found
        Risk states and what is at stake; None without a rhythm model, or if they are not needed. The state of a
        customer without any order left is :data:`~models.audience.NO_STATE`.
    stays
        None if nobody has asked for it.
    """

    customers: CustomerColumns
    rows: Ints
    found: Rhythms | None = None
    stays: Stays | None = None

    def ids(self) -> list[str]:
        """The ids of the members."""
        return [self.customers.customer_id.of(row) for row in self.rows.tolist()]


@dataclass(frozen=True)
class AudienceTotals:
    """How many customers, what they have spent minus all returns, and what is at stake; None without predictions."""

    customers: int
    net_spend: float
    at_stake: float | None


@dataclass(frozen=True)
class AudienceIds:
    """The ids of all members of a saved audience at a moment of event time, in their order."""

    audience: Audience
    event_time: datetime
    ids: tuple[str, ...]


def ids_of(postgres: Engine, name: str) -> AudienceIds:
    """All customers who are in a saved audience now, all read at one moment.

    Raises
    ------
    NotFoundError
        If there is no such audience, the stream has no event time yet, or predictions are needed and there are none.
    """
    with at_one_moment(postgres) as connection:
        found, now = audiences.find(connection, name), moment(connection)
        ids = tuple(each for part in parts(connection, found.definition, now) for each in part.ids())
        return AudienceIds(found, now.event_time, ids)


@contextmanager
def at_one_moment(postgres: Engine) -> Iterator[Connection]:
    """A read-only connection that sees one moment, however many parts are read over it."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with postgres.connect().execution_options(**options) as connection:
        # Compiling a query of one part would take longer than the part.
        connection.execute(text("SET LOCAL jit = off"))
        yield connection


def moment(connection: Connection, at: datetime | None = None) -> AudienceMoment:
    """The present moment of the stream, or a past one.

    Raises
    ------
    NotFoundError
        If the stream has not reached any event time yet.
    PastError
        If audiences can't be shown as of the past moment.
    """
    if at is not None:
        past = past_audiences.past_moment(connection, at)
        return AudienceMoment(at, None if past.model is None else rhythm_of(past.model), past)
    event_time = watermark(connection)
    if event_time is None:
        raise NotFoundError("the stream has not reached any event time yet", Hint.START_A_REPLAY)
    champion = model_registry.read_champion(connection)
    return AudienceMoment(event_time, None if champion is None else rhythm_of(champion))


def require(definition: AudienceDefinition, now: AudienceMoment) -> None:
    """Check that what a definition asks for is known at a moment.

    Raises
    ------
    NotFoundError
        If it needs predictions, and the champion carries none.
    PastError
        If the model of a past moment carried none, or changes that it asks for were deleted.
    """
    if now.past is not None:
        past_audiences.require_moves(definition, now.event_time, now.past.known)
        if definition.needs_rhythm and now.rhythm is None:
            whose = "there was no model yet" if now.past.model is None else f"{now.past.model.version} has none"
            raise PastError(
                "risk states and money at stake need predictions of the model that was active then, and " + whose
            )
    if definition.needs_rhythm and now.rhythm is None:
        raise NotFoundError("risk states and money at stake need a model with predictions", Hint.FIT_A_MODEL)


def count(connection: Connection, definition: AudienceDefinition, now: AudienceMoment) -> int:
    """How many customers are in an audience; raises what :func:`require` raises."""
    if now.past is not None:
        return counts(connection, [definition], now)[0]
    if definition.needs_rhythm:
        return _counted(connection, definition, now)
    return int(connection.execute(select(func.count()).where(*conditions(definition, now.event_time))).scalar_one())


def counts(connection: Connection, definitions: Sequence[AudienceDefinition], now: AudienceMoment) -> list[int]:
    """How many customers are in each of some audiences; raises what :func:`require` raises.

    As of a past moment, all customers are read once for all definitions that need no predictions.
    """
    if now.past is None:
        return [count(connection, definition, now) for definition in definitions]
    for definition in definitions:
        require(definition, now)
    plain = [definition for definition in definitions if not definition.needs_rhythm]
    numbers = iter(past_audiences.numbers(connection, plain, now.event_time))
    return [_counted(connection, each, now) if each.needs_rhythm else next(numbers) for each in definitions]


def totals(connection: Connection, definition: AudienceDefinition, now: AudienceMoment) -> AudienceTotals:
    """The sums over an audience; raises what :func:`require` raises."""
    number, spend, stake = 0, 0.0, 0.0
    for part in parts(connection, definition, now, with_rhythm=True):
        number += len(part.rows)
        spend += float(part.customers.spent[part.rows].sum())
        stake += float(part.found.stake.money[part.rows].sum()) if part.found else 0.0
    return AudienceTotals(number, spend, None if now.rhythm is None else stake)


def parts(
    connection: Connection,
    definition: AudienceDefinition,
    now: AudienceMoment,
    *,
    with_rhythm: bool = False,
    with_stays: bool = False,
    after: str | None = None,
    size: int = PART,
) -> Iterator[FoundMembers]:
    """The members of an audience, part by part, in the order of their ids.

    Parameters
    ----------
    with_rhythm
        Whether risk states and money at stake are wanted, even if the definition does not ask for them.
    with_stays
        Whether to read days since the last order, since when the segment lasts, and the segment before.
    after
        Only members whose ids are above this one.
    size
        How many customers to read at once; as of a past moment, how many to read at first, before any filter.

    Raises
    ------
    NotFoundError
        As :func:`require`.
    """
    require(definition, now)
    rhythm = now.rhythm if with_rhythm or definition.needs_rhythm else None
    if now.past is not None:
        for they, stayed in past_audiences.customers_and_stays(connection, definition, now.event_time, after, size):
            if len(they.spent):
                yield _members(definition, they, stayed, rhythm, now.event_time)
        return
    wanted = conditions(definition, now.event_time)
    # For many customers, all texts there are; for a page of them, finding these would take longer than the page.
    known = customer_columns.texts(connection) if size >= PART else None
    while True:
        part = Part(size, after)
        own = known or customer_columns.texts(connection, wanted, part)
        found, stays = _read(connection, wanted, own, part, now.event_time if with_stays else None)
        number = len(found.spent)
        if number:
            yield _members(definition, found, stays, rhythm, now.event_time)
        if number < size:
            return
        after = found.customer_id.of(number - 1)


def of_ids(connection: Connection, ids: Sequence[str], now: AudienceMoment) -> FoundMembers:
    """Those of some customers who are there, with stays, and with rhythms if there are predictions."""
    wanted = [_c.customer_id.in_(ids), _c.segment.is_not(None)]
    found, stays = customer_columns.read_with_stays(
        connection, wanted, customer_columns.texts(connection, wanted), now.event_time
    )
    return of_everybody(found, stays, now)


def of_everybody(found: CustomerColumns, stays: Stays, now: AudienceMoment) -> FoundMembers:
    """All of some customers, with rhythms if there are predictions."""
    return _members(AudienceDefinition(), found, stays, now.rhythm, now.event_time)


def segment_names(connection: Connection, now: AudienceMoment) -> dict[str, str]:
    """Names of segments by id; as of a past moment, the model that was active then decides first."""
    names = model_registry.read_personas(connection)
    if now.past is not None and now.past.model is not None:
        names |= {segment.id: segment.name for segment in now.past.model.segments}
    return names


def countries(connection: Connection) -> list[str]:
    """The countries of all customers, sorted."""
    return sorted(connection.scalars(select(_c.country).distinct()))


def _read(
    connection: Connection,
    wanted: Sequence[ColumnElement[bool]],
    known: Texts,
    part: Part,
    event_time: datetime | None,
) -> tuple[CustomerColumns, Stays | None]:
    if event_time is None:
        return customer_columns.read(connection, wanted, known, part), None
    return customer_columns.read_with_stays(connection, wanted, known, event_time, part)


def _counted(connection: Connection, definition: AudienceDefinition, now: AudienceMoment) -> int:
    return sum(len(part.rows) for part in parts(connection, definition, now))


def _members(
    definition: AudienceDefinition,
    found: CustomerColumns,
    stays: Stays | None,
    rhythm: RhythmModel | None,
    event_time: datetime,
) -> FoundMembers:
    everyone = np.arange(len(found.spent), dtype=np.int64)
    if rhythm is None:
        return FoundMembers(found, everyone, None, stays)
    own = _rhythms(found, rhythm, event_time)
    return FoundMembers(found, everyone[in_risk(definition, own.state, own.stake.money)], own, stays)


def _rhythms(found: CustomerColumns, rhythm: RhythmModel, event_time: datetime) -> Rhythms:
    orders = found.histories.orders
    known = found.histories._replace(orders=np.maximum(orders, 1))
    own = rhythms(rhythm, known, found.spent, to_micros(event_time))
    # A customer without an order has no rhythm.
    none = orders < 1
    stake = own.stake._replace(money=np.where(none, 0.0, own.stake.money))
    return own._replace(state=np.where(none, NO_STATE, own.state), stake=stake)
