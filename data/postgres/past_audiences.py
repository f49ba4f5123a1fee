"""Who was in an audience at a past moment: the customers as they were then in place of those of now.

Segments are those that were published then, R, F and money are of the orders that happened by then, and countries are
the present ones (:mod:`data.postgres.past_moments`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Subquery, cast, func, literal, null, select

from data.postgres import customer_columns, model_registry
from data.postgres.audience_filters import past_conditions
from data.postgres.customer_columns import CustomerColumns, Stays, Texts
from data.postgres.past_moments import (
    ALL_IDS,
    SOME_PARTITIONS_ONLY,
    WORK_MEM,
    Answerable,
    IdRange,
    PastError,
    answerable,
    models_at,
    past_customers,
    require_rescored,
)
from data.postgres.tables import customers, segment_changes
from models.audience import AudienceDefinition
from models.segment_model import SegmentModel
from runtime.errors import Hint

#: The most customers that are looked at together: their orders lie on nearly every page of the ledger, however few.
MOST = 200_000


@dataclass(frozen=True)
class PastMoment:
    """What is known of a past moment, and the model that was active; None if there was none."""

    known: Answerable
    model: SegmentModel | None


def past_moment(connection: Connection, at: datetime) -> PastMoment:
    """Check that audiences can be shown as of a moment.

    Raises
    ------
    PastError
        If the stream can't be shown at the moment, or different models were active on the partitions.
    """
    known = answerable(connection)
    known.check(at)
    require_rescored(connection, at)
    versions = {*models_at(connection, at).values()}
    if len(versions) > 1:
        raise PastError(SOME_PARTITIONS_ONLY)
    return PastMoment(known, next(iter(model_registry.read_all(connection, versions).values()), None))


def require_moves(definition: AudienceDefinition, at: datetime, known: Answerable) -> None:
    """Check that all changes that a definition asks for are stored.

    Raises
    ------
    PastError
        If some may have been deleted: then it is unknown who was in the audience.
    """
    if not definition.asks_for_moves or known.since is None:
        return
    begin = definition.since_moment(at)
    if begin is None or begin <= known.since:
        raise PastError(
            f"moves are known after {known.since:%Y-%m-%d %H:%M} UTC only, and this audience asks for earlier ones: "
            "older changes were deleted",
            Hint.KEEP_CHANGES,
        )


def numbers(connection: Connection, definitions: Sequence[AudienceDefinition], at: datetime) -> list[int]:
    """How many customers passed what Postgres decides of each definition; customers are read once for all of them."""
    if not definitions:
        return []
    # With less, Postgres reads both big tables in the order of customers, which takes twice as long.
    connection.execute(select(func.set_config("work_mem", WORK_MEM, True)))
    then = _customers(at, ALL_IDS)
    wanted = (past_conditions(definition, at, then.c, ALL_IDS) for definition in definitions)
    counts = (func.count().filter(*conditions) for conditions in wanted)
    return [int(number) for number in connection.execute(select(*counts).select_from(then)).one()]


def customers_and_stays(
    connection: Connection, definition: AudienceDefinition, at: datetime, after: str | None, size: int
) -> Iterator[tuple[CustomerColumns, Stays]]:
    """Who passed what Postgres decides, part by part, in the order of ids.

    Parameters
    ----------
    after
        Only ids above this one.
    size
        How many customers to look at in the first part; each part has twice as many as the one before, up to
        :data:`MOST`.
    """
    # Postgres expects few rows in a range of ids that has thousands, and would read all its orders for each customer.
    connection.execute(select(func.set_config("enable_nestloop", "off", True)))
    connection.execute(select(func.set_config("work_mem", WORK_MEM, True)))
    for ids in _ranges(connection, after, size):
        then = _customers(at, ids)
        passed = select(then).where(*past_conditions(definition, at, then.c, ids)).subquery("passed")
        yield customer_columns.read_with_stays_in(connection, passed, _texts(connection, at, ids))


def _customers(at: datetime, ids: IdRange) -> Subquery:
    """Those of a range of ids, with what :func:`customer_columns.read_with_stays_in` needs.

    Their next changes are unknown.
    """
    then = past_customers(at, ids.has).c
    moment = literal(at, then.counts_from.type)
    return select(
        *(then.customer_id, then.country, then.segment, then.segment_since, then.frequency, then.gross, then.returned),
        *(then.first_purchase_at, then.last_purchase_at, then.counts_from.label("last_event_at")),
        func.coalesce(then.previous_segment, "").label("previous"),
        cast(func.extract("day", moment - then.counts_from), Integer).label("recency_days"),
        cast(null(), customers.c.next_change_at.type).label("next_change_at"),
        cast(null(), customers.c.next_segment.type).label("next_segment"),
    ).subquery("as_they_were")


def _ranges(connection: Connection, after: str | None, size: int) -> Iterator[IdRange]:
    """The ids of all customers, this many at once: an index finds the orders and changes of a range."""
    column = customers.c.customer_id
    while True:
        ids = select(column).order_by(column).limit(size)
        part = (ids if after is None else ids.where(column > after)).subquery()
        number, last = connection.execute(select(func.count(), func.max(part.c.customer_id))).one()
        if number:
            yield IdRange(after, last)
        if number < size:
            return
        after, size = last, max(size, min(2 * size, MOST))


def _texts(connection: Connection, at: datetime, ids: IdRange) -> Texts:
    """All countries and segments that a range of customers may have had at a moment."""
    changes: Any = segment_changes.c
    countries = select(customers.c.country).where(*ids.has(customers.c.customer_id)).distinct()
    segments = select(changes.to_segment).where(changes.effective_at <= at, *ids.has(changes.customer_id)).distinct()
    return Texts(*(tuple(sorted(connection.scalars(query))) for query in (countries, segments)))
