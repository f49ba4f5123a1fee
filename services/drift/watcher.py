"""The observer: reads what workers have committed, window by window of event time, and keeps what it finds.

A window is looked at once every partition has passed its end, so nothing depends on batches, workers or speed; and all
that decides an alarm is worked out from the ledger anew whenever this process starts, so nothing depends on crashes
either: what is there already stays as it is. Workers share Postgres and the processor with it, and
nothing else.

Transactions that come after the tick which promised that all had come are the exception: a window that has been
looked at is not looked at again.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from batch.fit import FitError
from data.postgres import drift, model_registry
from data.postgres.drift import ModelPeriod
from data.postgres.ledger import first_moment, history_before, transactions_between
from data.postgres.progress import watermark
from models.drift.observation import PRIMING_WINDOWS, WINDOW, DriftObserver, Observation
from models.drift.windows import WindowFold, window_floor
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros
from services.drift.refit import ORIGIN, refit

log = structlog.get_logger(__name__)

# One observer at a time: Postgres holds the lock for as long as the look takes, or the connection lives.
_LOCK, _UNLOCK = text("SELECT pg_try_advisory_lock(7368807)"), text("SELECT pg_advisory_unlock(7368807)")
_CHUNK_WINDOWS = 28
#: After a refit, its effect is waited for: so many windows go by without another one.
REFIT_PAUSE = 28 * WINDOW

Promote = Callable[[SegmentModel], None]


class Watcher:
    """Observes the stream of one database.

    Parameters
    ----------
    refits
        Whether drift leads to a new model that is proposed.
    promote
        Puts such a model in force; None leaves that to people.
    """

    def __init__(self, engine: Engine, *, refits: bool = True, promote: Promote | None = None) -> None:
        self._engine = engine
        self._refits, self._promote = refits, promote
        self._fold: _ReignFold | None = None
        self._over: set[ModelPeriod] = set()

    def look(self) -> int:
        """Observe every window that has closed since; returns how many were new."""
        # Each statement is a transaction: one that stayed open would keep Postgres from tidying up after the workers.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(_LOCK).scalar_one():
                return 0
            try:
                return self._look(connection)
            finally:
                _unlock(connection)

    def _look(self, connection: Connection) -> int:
        reached = watermark(connection)
        if reached is None:
            return 0
        # Whatever goes wrong from here on, the next look begins anew.
        fold, self._fold = self._fold, None
        new = 0
        for reign in drift.model_periods(connection):
            if reign in self._over:
                continue
            limit = window_floor(to_micros(min(reached, reign.until or reached)))
            if fold is None or not fold.goes_on_in(reign):
                fold = self._begun(connection, reign, limit)
            if fold is not None:
                new += self._go_on(fold, connection, limit, current=reign.until is None)
            if reign.until is not None and reached >= reign.until:
                self._over.add(reign)
        self._fold = fold
        return new

    def _begun(self, connection: Connection, reign: ModelPeriod, limit: int) -> "_ReignFold | None":
        """A reign from its beginning on, if any window of it has closed and has not been kept."""
        seen = drift.newest_window(connection, reign)
        if seen is not None and to_micros(seen) >= limit:
            return None
        return _ReignFold.begun(self._engine, connection, reign, seen, limit)

    def _go_on(self, fold: "_ReignFold", connection: Connection, limit: int, current: bool) -> int:
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
        """Propose a new model; whether it has been put in force.

        It comes before the alarm is kept: after a crash in between, both happen again, and come to the same.
        """
        if not self._refits:
            return False
        because = [drift.alarm_id(champion.version, observed.end, measurement) for measurement in observed.raised]
        try:
            model = refit(self._engine, champion, from_micros(observed.end), because)
        except FitError as error:
            log.warning("no refit", reason=str(error))
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


class _ReignFold:
    """A reign's observer, and how far it has come; it is superseded once another model has been put in force."""

    def __init__(self, reign: ModelPeriod, model: SegmentModel, begin: int, fold: WindowFold, seen: int) -> None:
        self.model = model
        self._reign, self._fold, self._seen = reign, fold, seen
        self._observer = DriftObserver(model, begin)
        self._refit_from = _refit_from(model, begin)
        self.superseded = False

    @classmethod
    def begun(
        cls, engine: Engine, connection: Connection, reign: ModelPeriod, seen: datetime | None, limit: int
    ) -> "_ReignFold | None":
        """From where its windows begin to count; ``seen`` is the end of the last one that has been kept."""
        model = model_registry.load(engine, reign.model_version)
        begin = _begin(connection, reign, model)
        if begin is None or limit <= begin:
            return None
        start = window_floor(begin) - PRIMING_WINDOWS * WINDOW
        fold = WindowFold(model, history_before(connection, from_micros(start)), start)
        return cls(reign, model, begin, fold, begin if seen is None else to_micros(seen))

    def goes_on_in(self, reign: ModelPeriod) -> bool:
        """Whether this is that reign's, which may have ended meanwhile."""
        return self._reign[:2] == reign[:2]

    def is_new(self, observed: Observation) -> bool:
        """Whether a window has not been kept before."""
        return observed.end > self._seen

    def may_refit(self, observed: Observation) -> bool:
        """Whether drift that is raised now leads to a refit; then the next one has to wait."""
        if observed.end < self._refit_from or self.superseded:
            return False
        self._refit_from = observed.end + REFIT_PAUSE
        return True

    def windows(self, connection: Connection, limit: int) -> Iterator[Observation]:
        """Observe every window up to a moment."""
        while self._fold.reached < limit:
            stop = min(limit, self._fold.reached + _CHUNK_WINDOWS * WINDOW)
            rows = transactions_between(connection, from_micros(self._fold.reached), from_micros(stop))
            for window in self._fold.windows(rows, stop):
                observed = self._observer.observe(window)
                if observed is not None:
                    yield observed


def _unlock(connection: Connection) -> None:
    """Let others look; what went wrong before is told, not that a session which has died can't be unlocked.

    A session that may still hold the lock is closed, which frees it: the pool would keep it, and nobody look again.
    """
    try:
        connection.execute(_UNLOCK)
    except SQLAlchemyError:
        connection.invalidate()


def _begin(connection: Connection, reign: ModelPeriod, model: SegmentModel) -> int | None:
    """Where windows begin to count: where the training ends, or where the model came into force, if that is later.

    A model that does not say what it was fitted on is compared with what comes first.
    """
    moments = [moment for moment in (reign.since, _cutoff(model)) if moment is not None]
    if moments:
        return to_micros(max(moments))
    first = first_moment(connection)
    return None if first is None else window_floor(to_micros(first)) + PRIMING_WINDOWS * WINDOW


def _refit_from(model: SegmentModel, begin: int) -> int:
    """A refit that has been put in force is given as long as one that has only been proposed."""
    cutoff = _cutoff(model)
    refitted = model.metadata.get("origin") == ORIGIN
    return max(begin, to_micros(cutoff) + REFIT_PAUSE) if refitted and cutoff is not None else begin


def _cutoff(model: SegmentModel) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(model.metadata.get("cutoff")))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
