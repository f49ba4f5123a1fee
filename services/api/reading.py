"""What the HTTP API reads from Postgres, each answer by one query on an index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, and_, bindparam, func, select
from sqlalchemy.exc import DBAPIError

from data.contract.change_events import segment_change, segment_ref
from data.contract.change_row import ChangeRow
from data.postgres import model_registry
from data.postgres.aliases import CHAMPION
from data.postgres.counted import COUNTED, Counted, totals_in_window
from data.postgres.database import async_engine
from data.postgres.tables import customers, risk_states, segment_changes, stream_progress, transactions
from models.rhythm.carried import rhythm_of
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, risk_moments
from models.rhythm.rhythms import within_the_clock
from models.rhythm.risk import RISK_STATES, RiskState, risk_state
from models.scoring import net_or_gross
from models.segment_model import SegmentModel
from models.units import money_text, to_micros, to_money_units
from services.api.schemas import (
    Changes,
    Customer,
    Member,
    Members,
    NextChange,
    NextRisk,
    Risk,
    Segments,
    SegmentSummary,
    Why,
)

#: The most rows of one page.
MOST_ROWS = 1_000
_CONNECTIONS = 10
# Postgres has no such character in a text, so no id contains it.
_NUL = "\0"
_LAST_CHANGE = ("from_segment", "cause", "effective_at", "transaction_id")
_RISK = {"state": "risk_state", "since": "risk_since", "next_at": "risk_next_at", "rhythm_version": "rhythm_version"}


class CustomerReader:
    """Reads customers, changes and segments. A model is loaded once: a version never changes."""

    def __init__(self, database_url: str) -> None:
        self._engine = async_engine(database_url, _CONNECTIONS)
        self._models: dict[str, SegmentModel] = {}
        self._rhythms: dict[str, RhythmModel | None] = {}

    async def close(self) -> None:
        """Disconnect."""
        await self._engine.dispose()

    async def trouble(self) -> str | None:
        """Why Postgres can't be read; None if it can."""
        try:
            await self.rows(select(func.now()))
        except DBAPIError as error:
            return f"Postgres: {(str(error.orig).strip().splitlines() or ['no answer'])[0]}"
        return None

    async def row(self, query: Select[Any], **parameters: Any) -> Row[Any] | None:
        """The only row of a query, if there is one."""
        async with self._engine.connect() as connection:
            found: Row[Any] | None = (await connection.execute(query, parameters)).one_or_none()
            return found

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """The rows of a query."""
        async with self._engine.connect() as connection:
            found: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return found

    async def customer(self, customer_id: str) -> Customer | None:
        """A customer as of the watermark; None if no customer has this id."""
        if _NUL in customer_id:
            return None
        row, model = await self._customer(customer_id)
        if row is None:
            return None
        personas = {} if model is None else _personas(model)
        counted = _counted(model, row)
        as_of = row.last_event_at if row.event_time is None else max(row.event_time, row.last_event_at)
        why = None
        if row.cause is not None:
            before = None if row.from_segment is None else segment_ref(row.from_segment, personas)
            why = Why(cause=row.cause, effective_at=row.effective_at, from_=before, transaction_id=row.transaction_id)
        return Customer(
            customer_id=row.customer_id,
            as_of=row.event_time,
            segment=None if row.segment is None else segment_ref(row.segment, personas),
            since=row.segment_since,
            recency_days=_days(row.last_purchase_at, as_of),
            frequency=counted.frequency,
            monetary=_monetary(model, counted),
            gross=money_text(to_money_units(counted.gross)),
            returned=money_text(to_money_units(counted.returned)),
            first_purchase_at=row.first_purchase_at,
            last_purchase_at=row.last_purchase_at,
            country=row.country,
            sequence=row.sequence,
            model_version=row.model_version,
            next_change=None
            if row.next_change_at is None
            else NextChange(row.next_change_at, segment_ref(row.next_segment, personas)),
            why=why,
            risk=self._risk(model, row),
            window_days=None if model is None else model.window_days,
        )

    async def _customer(self, customer_id: str) -> tuple[Row[Any] | None, SegmentModel | None]:
        """A customer's row and model. With a window the row has what is in it, read at the same moment as the rest."""
        row = await self.row(_ONE_CUSTOMER, customer=customer_id)
        model = None if row is None or row.model_version is None else await self._model(row.model_version)
        while row is not None and model is not None and model.window_days is not None:
            row = await self.row(_one_in_window(model.window_days), customer=customer_id)
            if row is None or row.model_version == model.version:
                break
            # Another model has become active in between.
            model = await self._model(row.model_version)
        return row, model

    async def changes(self, customer_id: str, after: int, limit: int) -> Changes | None:
        """A customer's changes with a number above ``after``; None if no customer has this id."""
        if _NUL in customer_id:
            return None
        columns = segment_changes.c
        query = select(segment_changes).where(columns.customer_id == customer_id, columns.sequence > after)
        rows = await self.rows(query.order_by(columns.sequence).limit(limit + 1))
        known = select(customers.c.customer_id).where(customers.c.customer_id == customer_id)
        if not rows and await self.row(known) is None:
            return None
        found = [
            segment_change(ChangeRow.of(row), _personas(await self._model(row.model_version))) for row in rows[:limit]
        ]
        return Changes(found, found[-1].sequence if len(rows) > limit else None)

    async def segments(self) -> Segments | None:
        """The champion's segments; None if there is no model yet."""
        async with self._engine.connect() as connection:
            version = (await connection.run_sync(model_registry.aliases)).get(CHAMPION)
        if version is None:
            return None
        model = await self._model(version)
        counted = select(customers.c.segment, func.count().label("customers")).group_by(customers.c.segment)
        sizes = {row.segment: row.customers for row in await self.rows(counted)}
        summaries = [
            SegmentSummary(
                segment_ref(each.id, {each.id: each.name}),
                each.description,
                each.action,
                each.colour,
                sizes.get(each.id, 0),
            )
            for each in model.segments
        ]
        return Segments(version, summaries)

    async def members(self, segment: str | None, after: str, limit: int) -> Members:
        """Customers with an id above ``after``, of one segment or of all."""
        if _NUL in f"{segment}{after}":
            return Members([], None)
        table = customers.c
        query = select(customers).where(table.customer_id > after).order_by(table.customer_id).limit(limit + 1)
        rows = await self.rows(query if segment is None else query.where(table.segment == segment))
        found = [await self._member(row) for row in rows[:limit]]
        return Members(found, found[-1].customer_id if len(rows) > limit else None)

    async def _member(self, row: Row[Any]) -> Member:
        personas = {} if row.segment is None else _personas(await self._model(row.model_version))
        return Member(
            row.customer_id,
            None if row.segment is None else segment_ref(row.segment, personas),
            row.segment_since,
            row.frequency,
            money_text(to_money_units(row.gross)),
            money_text(to_money_units(row.returned)),
            row.last_purchase_at,
        )

    def _risk(self, model: SegmentModel | None, row: Row[Any]) -> Risk | None:
        if row.risk_state is None:
            return None
        following = None if row.risk_next_at is None else self._next_state(model, row)
        return Risk(
            row.risk_state, row.risk_since, None if following is None else NextRisk(row.risk_next_at, following)
        )

    def _next_state(self, model: SegmentModel | None, row: Row[Any]) -> RiskState | None:
        """The state that begins at the stored moment; None if the model that is known does not decide it."""
        rhythm = None if model is None else self._rhythm(model)
        if rhythm is None or rhythm.version != row.rhythm_version:
            return None
        first, last = (np.array([to_micros(each)]) for each in (row.first_purchase_at, row.last_purchase_at))
        moments = risk_moments(rhythm, within_the_clock(Histories(first, last, np.array([row.frequency]))))
        return RISK_STATES[int(risk_state(moments, to_micros(row.risk_next_at))[0])]

    def _rhythm(self, model: SegmentModel) -> RhythmModel | None:
        # Reading one takes as long as a hundred queries.
        if model.version not in self._rhythms:
            self._rhythms[model.version] = rhythm_of(model)
        return self._rhythms[model.version]

    async def _model(self, version: str) -> SegmentModel:
        if version not in self._models:
            async with self._engine.connect() as connection:
                self._models.update(await connection.run_sync(model_registry.read_all, [version]))
        return self._models[version]


def _one_customer() -> Select[Any]:
    last = and_(
        segment_changes.c.customer_id == customers.c.customer_id, segment_changes.c.sequence == customers.c.sequence
    )
    return (
        select(customers, stream_progress.c.event_time, *(segment_changes.c[name] for name in _LAST_CHANGE))
        .add_columns(*(risk_states.c[name].label(label) for name, label in _RISK.items()))
        .outerjoin_from(customers, stream_progress, stream_progress.c.partition == customers.c.partition)
        .outerjoin(segment_changes, last)
        .outerjoin(risk_states, risk_states.c.customer_id == customers.c.customer_id)
        .where(customers.c.customer_id == bindparam("customer"))
    )


# Building it takes as long as executing it.
_ONE_CUSTOMER = _one_customer()


def _one_in_window(window_days: int) -> Select[Any]:
    """The same, with what is in the window; null if nothing is."""
    inside = totals_in_window(window_days, None).where(transactions.c.customer_id == bindparam("customer"))
    totals = inside.subquery("in_window")
    columns = (totals.c[name].label(f"counted_{name}") for name in COUNTED)
    return _one_customer().add_columns(*columns).outerjoin(totals, totals.c.customer_id == customers.c.customer_id)


def _counted(model: SegmentModel | None, row: Row[Any]) -> Counted:
    """What the model counts of a customer."""
    if model is None or model.window_days is None:
        return Counted(row.frequency, row.gross, row.returned)
    return Counted(row.counted_frequency or 0, row.counted_gross or Decimal(0), row.counted_returned or Decimal(0))


def _personas(model: SegmentModel) -> Mapping[str, str]:
    return {segment.id: segment.name for segment in model.segments}


def _monetary(model: SegmentModel | None, row: Counted) -> str:
    """As the model uses it; net, the default of a new model, as long as there is none."""
    gross, returned = (np.array(to_money_units(amount)) for amount in (row.gross, row.returned))
    return money_text(int(net_or_gross("net" if model is None else model.monetary, gross, returned)))


def _days(last_purchase_at: datetime | None, as_of: datetime) -> int | None:
    return None if last_purchase_at is None else (as_of - last_purchase_at).days
