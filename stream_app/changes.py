"""Segment changes row by row: as they are stored, and as events for the services that subscribe."""

from typing import Any, NamedTuple, Self

from sqlalchemy import Row

from models.units import to_micros, to_money_units
from stream_app.columns import NO_RECORD, Cause
from stream_app.decode import Batch
from stream_app.step import Progress, Step


class ChangeRow(NamedTuple):
    """One segment change at its position in the partition's outbox; micros and money units."""

    position: int
    customer_id: str
    sequence: int
    from_segment: str | None
    to_segment: str
    cause: str
    effective_at: int
    recency_days: int
    frequency: int
    monetary: int
    model_version: str
    transaction_id: str | None

    @classmethod
    def of(cls, stored: Row[Any]) -> Self:
        """A row of ``segment_changes``, with everyday types, as it was before it was stored."""
        values = {name: getattr(stored, name) for name in cls._fields}
        exact = {"effective_at": to_micros(stored.effective_at), "monetary": to_money_units(stored.monetary)}
        return cls(**values | exact)


def change_rows(batch: Batch, step: Step, progress: Progress) -> list[ChangeRow]:
    """The changes of a step, numbered on from where the partition stands."""
    changes, name = step.changes, step.segments.id
    causes = {cause.value: cause.word for cause in Cause}
    columns = zip(
        changes.customer.tolist(),
        changes.sequence.tolist(),
        changes.from_segment.tolist(),
        changes.to_segment.tolist(),
        changes.cause.tolist(),
        changes.effective_at.tolist(),
        changes.recency_days.tolist(),
        changes.frequency.tolist(),
        changes.monetary.tolist(),
        changes.record.tolist(),
        strict=True,
    )
    return [
        ChangeRow(
            position=position,
            customer_id=step.profiles.customer_id[customer],
            sequence=sequence,
            from_segment=name(came_from),
            to_segment=name(to) or "",
            cause=causes[cause],
            effective_at=effective_at,
            recency_days=recency_days,
            frequency=frequency,
            monetary=monetary,
            model_version=progress.model_version,
            transaction_id=None if record == NO_RECORD else batch.transaction_id[step.applied[record]],
        )
        for position, (
            customer,
            sequence,
            came_from,
            to,
            cause,
            effective_at,
            recency_days,
            frequency,
            monetary,
            record,
        ) in enumerate(columns, progress.change_position + 1)
    ]
