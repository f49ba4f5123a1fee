"""Activating a model: a record in every partition of the log, then the alias, then waiting for the workers.

What decides a segment is the log: a model is in force on a partition from the place of its record on. The alias only
says what a partition starts with that has never had a model, so it is moved when there is no such partition, or
when none has begun. When exactly it is moved then makes no difference to anybody's history.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, func, select, text

from data.kafka.record_writer import WriteError
from data.postgres import model_registry, progress
from data.postgres.tables import stream_progress
from models.segment_model import SegmentModel
from producers.replay_session import Session

_FLUSH_SECONDS = 30.0
_LOOK_SECONDS = 0.25


class ActivationError(RuntimeError):
    """The model can't be activated now; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Activation:
    """Where the log ended once the model was in it: workers who have come that far have applied it."""

    ends: list[int]


@dataclass(frozen=True, slots=True)
class Advance:
    """How far an activation has come: records that come before it in the log, customers who wait to be rescored."""

    records: int
    waiting: int
    customers: int


def make_champion_before_start(postgres: Engine, model: SegmentModel) -> bool:
    """Make a registered model the one that workers start with, if none has ever claimed a partition."""
    with postgres.begin() as connection:
        # A worker that claims its first partition at this moment waits, and starts with this model.
        connection.execute(text("LOCK TABLE stream_progress IN SHARE ROW EXCLUSIVE MODE"))
        begun = connection.execute(select(func.count()).select_from(stream_progress)).scalar_one()
        if not begun:
            model_registry.make_champion(connection, model.version)
    return not begun


def activate(session: Session, model: SegmentModel) -> Activation:
    """Put a registered model in force on every partition, and make it the champion.

    Doing it again, or going on after half of it, does no harm.

    Raises
    ------
    ActivationError
        If a partition has no model yet.
    WriteError
        If the broker does not take the records.
    """
    missing = progress.without_model(session.postgres, session.identity.partitions)
    if missing:
        which = ", ".join(map(str, missing))
        raise ActivationError(
            f"no worker has claimed partition {which} yet: start one with `segue worker`, and try again"
        )
    session.writer.activate(model)
    if session.writer.flush(_FLUSH_SECONDS):
        raise WriteError("the broker does not answer; the model may be in some partitions only: activate it again")
    ends = session.ends()
    with session.postgres.begin() as connection:
        model_registry.make_champion(connection, model.version)
    return Activation(ends)


def wait(session: Session, activation: Activation, show: Callable[[Advance], None]) -> None:
    """Wait until the workers have applied an activation and rescored every customer."""
    customers = progress.customers_known(session.postgres)
    while True:
        done = progress.done(session.postgres, session.identity.log_id)
        records = sum(max(end - done.get(partition, 0), 0) for partition, end in enumerate(activation.ends))
        waiting = customers if records else progress.customers_outdated(session.postgres)
        show(Advance(records, waiting, customers))
        if not records and not waiting:
            return
        time.sleep(_LOOK_SECONDS)
