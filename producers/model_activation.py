"""Activating a model: write it into every partition of the log, move the champion alias, wait for the workers.

The log decides which model is active: on each partition, a model is active from the offset of its record on. The
champion alias only names the model that a partition without one starts with. So the alias is moved in two cases: when
every partition has been claimed, or when no partition has begun. In both of them the exact moment changes no customer's
history. A partition that has begun without a model ignores the alias.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, func, select, text

from data.kafka.record_writer import WriteError
from data.postgres import model_registry, progress
from data.postgres.tables import stream_progress
from models.segment_model import SegmentModel
from producers.log_session import LogSession
from runtime.errors import Hint, SegueError

_FLUSH_SECONDS = 30.0
_POLL_SECONDS = 0.25


class ActivationError(SegueError):
    """The model can't be activated now."""


@dataclass(frozen=True, slots=True)
class Activation:
    """The end offset of each partition after the model was written: a worker that is there has applied the model."""

    ends: list[int]
    model_version: str


@dataclass(frozen=True, slots=True)
class ActivationProgress:
    """The records that workers apply before the model, and how many of all customers still have to be rescored."""

    records: int
    waiting: int
    customers: int


def make_champion_before_start(postgres: Engine, model: SegmentModel) -> bool:
    """Make a registered model the champion if no partition has begun; returns whether that is so.

    A partition begins when it has a model, or when it applies its first records without one.
    """
    with postgres.begin() as connection:
        # A worker whose first partition begins now waits for this lock, and then starts with this model.
        connection.execute(text("LOCK TABLE stream_progress IN SHARE ROW EXCLUSIVE MODE"))
        has_begun = stream_progress.c.model_version.is_not(None) | stream_progress.c.began_without_model
        query = select(func.count()).select_from(stream_progress).where(has_begun)
        begun = connection.execute(query).scalar_one()
        if not begun:
            model_registry.make_champion(connection, model.version)
    return not begun


def activate(session: LogSession, model: SegmentModel) -> Activation:
    """Activate a registered model on every partition, and make it the champion.

    Repeating the call is harmless, also after an error half-way.

    Raises
    ------
    ActivationError
        If no worker has ever claimed a partition.
    WriteError
        If the broker refuses the records or does not answer.
    """
    missing = progress.unclaimed(session.postgres, session.identity.partitions)
    if missing:
        which = ", ".join(map(str, missing))
        raise ActivationError(f"no worker has claimed partition {which} yet", Hint.START_A_WORKER)
    session.writer.activate(model, progress.control_numbers(session.postgres, session.identity.log_id))
    if session.writer.flush(_FLUSH_SECONDS):
        raise WriteError("the broker does not answer; the model may be in some partitions only: activate it again")
    ends = session.ends()
    with session.postgres.begin() as connection:
        model_registry.make_champion(connection, model.version)
    return Activation(ends, model.version)


def wait(session: LogSession, activation: Activation, show: Callable[[ActivationProgress], None]) -> None:
    """Wait until the workers have applied an activation and rescored every customer.

    Raises
    ------
    ActivationError
        If another model is active then, because workers have refused this one.
    """
    customers = progress.customers_known(session.postgres)
    while True:
        offsets = progress.next_offsets(session.postgres, session.identity.log_id)
        records = sum(max(end - offsets.get(partition, 0), 0) for partition, end in enumerate(activation.ends))
        waiting = customers if records else progress.customers_outdated(session.postgres)
        if not records:
            _check_active(session, activation)
        show(ActivationProgress(records, waiting, customers))
        if not records and not waiting:
            return
        time.sleep(_POLL_SECONDS)


def _check_active(session: LogSession, activation: Activation) -> None:
    rows = progress.partitions(session.postgres)
    others = [str(row.partition) for row in rows if row.model_version != activation.model_version]
    if others:
        raise ActivationError(
            f"{activation.model_version} is not active on partition {', '.join(others)}: workers have refused it, for "
            "example without the right control key, or a later model has replaced it",
            Hint.LIST_DEAD_LETTERS,
        )
