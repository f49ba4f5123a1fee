"""Observes what the workers have committed, one day of event time after the other, and stores measurements and alarms.

A day is observed when the watermark of every partition has passed its end. So the result does not depend on batches,
workers or speed. It does not depend on crashes either: on a start, everything that decides an alarm is recomputed from
the ledger, and results that are stored already are kept.

The exception are transactions that arrive after the tick that promised completeness: a day is observed only once.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

import pandas as pd
import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from batch.fit import FitError
from data.postgres import drift, model_registry, progress
from data.postgres.drift import ModelPeriod
from data.postgres.ledger import first_moment, history_before, transactions_between
from models.drift.observation import PRIMING_WINDOWS, WINDOW, DriftObserver, Observation
from models.drift.windows import WindowFold, window_floor
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, from_micros, to_micros
from services.drift.refit import ORIGIN, refit

log = structlog.get_logger(__name__)

# One observer at a time: Postgres holds the lock until it is released or the connection ends.
_LOCK, _UNLOCK = text("SELECT pg_try_advisory_lock(7368807)"), text("SELECT pg_advisory_unlock(7368807)")
_CHUNK_WINDOWS = 28
#: Time after a refit in which no other refit happens, in microseconds of event time: the first one needs time to act.
REFIT_PAUSE = 28 * WINDOW

Promote = Callable[[SegmentModel], None]


class StreamObserver:
    """Observes the stream of one database.

    Parameters
    ----------
    refits
        Whether drift leads to a new model as a proposal.
    promote
        Activates such a model; with None a person has to decide.
    """

    def __init__(self, engine: Engine, *, refits: bool = True, promote: Promote | None = None) -> None:
        self._engine = engine
        self._refits, self._promote = refits, promote
        self._fold: ModelPeriodFold | None = None
        self._finished: set[ModelPeriod] = set()

    def observe(self) -> int:
        """Observe all days that have ended since the last call, and return the number of new ones."""
        # Autocommit: a transaction that stayed open would keep Postgres from vacuuming rows that the workers update.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(_LOCK).scalar_one():
                return 0
            try:
                return self._observe(connection)
            finally:
                _unlock(connection)

    def _observe(self, connection: Connection) -> int:
        watermark = progress.watermark(connection)
        if watermark is None:
            return 0
        # If anything fails from here on, the next call starts again from the ledger.
        fold, self._fold = self._fold, None
        new = 0
        for period in drift.model_periods(connection):
            if period in self._finished:
                continue
            limit = window_floor(to_micros(min(watermark, period.until or watermark)))
            if fold is None or not fold.continues(period):
                fold = self._start(connection, period, limit)
            if fold is not None:
                new += self._advance(fold, connection, limit, current=period.until is None)
            if period.until is not None and watermark >= period.until:
                self._finished.add(period)
        self._fold = fold
        return new

    def _start(self, connection: Connection, period: ModelPeriod, limit: int) -> "ModelPeriodFold | None":
        """Return a fold from the beginning of a model period; None if all its days that have ended are stored."""
        seen = drift.newest_window(connection, period)
        if seen is not None and to_micros(seen) >= limit:
            return None
        return ModelPeriodFold.start(self._engine, connection, period, seen, limit)

    def _advance(self, fold: "ModelPeriodFold", connection: Connection, limit: int, current: bool) -> int:
        new = 0
        windows = fold.windows(connection, limit)
        while chunk := list(islice(windows, _CHUNK_WINDOWS)):
            fresh = [observed for observed in chunk if fold.is_new(observed)]
            for observed in chunk:
                if observed.raised and fold.may_refit(observed) and fold.is_new(observed) and current:
                    fold.superseded = self._refit(fold.model, observed)
            if not fresh:
                continue
            with self._engine.begin() as writing:
                for observed in fresh:
                    if observed.challenger is not None:
                        model_registry.register_shadow(writing, observed.challenger)
                drift.save(writing, fold.model.version, fresh)
            for observed in fresh:
                for measurement in observed.raised:
                    log.warning("drift", alarm=drift.alarm_id(fold.model.version, observed.end, measurement))
            new += len(fresh)
        return new

    def _refit(self, champion: SegmentModel, observed: Observation) -> bool:
        """Fit a model and propose it; return whether it was activated.

        The proposal precedes the alarm's commit: after a crash in between both are repeated, with the same result.
        """
        if not self._refits:
            return False
        because = [drift.alarm_id(champion.version, observed.end, measurement) for measurement in observed.raised]
        try:
            model = refit(self._engine, champion, from_micros(observed.end), because)
        except FitError as error:
            log.warning("refit impossible", reason=str(error))
            return False
        if model.version == champion.version:
            return False
        with self._engine.begin() as connection:
            model_registry.propose(connection, model)
        log.warning("proposed", model=model.version)
        if self._promote is None:
            return False
        self._promote(model)
        return True


class ModelPeriodFold:
    """The observation of one model period up to a day; ``superseded`` once another model has been activated."""

    def __init__(self, period: ModelPeriod, model: SegmentModel, begin: int, fold: WindowFold, seen: int) -> None:
        self.model = model
        self._period, self._fold, self._seen = period, fold, seen
        self._observer = DriftObserver(model, begin)
        self._refit_from = _refit_from(model, begin)
        self.superseded = False

    @classmethod
    def start(
        cls, engine: Engine, connection: Connection, period: ModelPeriod, seen: datetime | None, limit: int
    ) -> "ModelPeriodFold | None":
        """Start at the first day; None before it has ended. ``seen`` is the end of the last stored day."""
        model = model_registry.load(engine, period.model_version)
        begin = _begin(connection, period, model)
        if begin is None or limit <= begin:
            return None
        start = window_floor(begin) - PRIMING_WINDOWS * WINDOW
        fold = WindowFold(
            model, history_before(connection, from_micros(start)), start, _counting(connection, model, start)
        )
        return cls(period, model, begin, fold, begin if seen is None else to_micros(seen))

    def continues(self, period: ModelPeriod) -> bool:
        """Return whether this fold belongs to the period, which may have ended meanwhile."""
        return self._period[:2] == period[:2]

    def is_new(self, observed: Observation) -> bool:
        """Return whether a day has not been stored before."""
        return observed.end > self._seen

    def may_refit(self, observed: Observation) -> bool:
        """Return whether drift on this day leads to a refit; if so, the next refit has to wait."""
        if observed.end < self._refit_from or self.superseded:
            return False
        self._refit_from = observed.end + REFIT_PAUSE
        return True

    def windows(self, connection: Connection, limit: int) -> Iterator[Observation]:
        """Observe every day up to ``limit``, in microseconds of event time."""
        while self._fold.reached < limit:
            stop = min(limit, self._fold.reached + _CHUNK_WINDOWS * WINDOW)
            rows = transactions_between(connection, from_micros(self._fold.reached), from_micros(stop))
            for window in self._fold.windows(rows, stop):
                observed = self._observer.observe(window)
                if observed is not None:
                    yield observed


def _counting(connection: Connection, model: SegmentModel, start: int) -> pd.DataFrame | None:
    """Return what a model with a window has in it at a moment; None without a window."""
    if model.window_days is None:
        return None
    since = start - model.window_days * MICROS_PER_DAY
    return transactions_between(connection, from_micros(since), from_micros(start))


def _unlock(connection: Connection) -> None:
    """Release the lock. An error here would hide the original one, so it is not raised.

    A connection that can't release the lock is closed, which does: back in the pool it would hold the lock forever.
    """
    try:
        connection.execute(_UNLOCK)
    except SQLAlchemyError:
        connection.invalidate()


def _begin(connection: Connection, period: ModelPeriod, model: SegmentModel) -> int | None:
    """Return where observation begins: at the end of the training data or at the activation, whichever is later.

    A model without a cutoff is compared with the first observed days of the stream.
    """
    moments = [moment for moment in (period.since, _cutoff(model)) if moment is not None]
    if moments:
        return to_micros(max(moments))
    first = first_moment(connection)
    return None if first is None else window_floor(to_micros(first)) + PRIMING_WINDOWS * WINDOW


def _refit_from(model: SegmentModel, begin: int) -> int:
    """Return from when on a refit is allowed: an activated refit gets the same pause as a proposed one."""
    cutoff = _cutoff(model)
    refitted = model.metadata.get("origin") == ORIGIN
    return max(begin, to_micros(cutoff) + REFIT_PAUSE) if refitted and cutoff is not None else begin


def _cutoff(model: SegmentModel) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(model.metadata.get("cutoff")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
