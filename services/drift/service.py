"""The drift observer as a process: it observes every two seconds or less often, and waits out faults."""

import os
import time
from collections.abc import Callable

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from data.kafka.log import LogError
from data.kafka.record_writer import WriteError
from data.postgres import model_registry
from producers.model_activation import ActivationError
from runtime.errors import first_line
from services.drift.metrics import DriftHealth, DriftMetrics
from services.drift.observer import StreamObserver
from services.drift.publishing import DriftPublisher

log = structlog.get_logger(__name__)

_SHORTEST_REST_SECONDS = 2.0
# The queries compete with the workers for CPU time, whatever this process's niceness is. Resting nine times as long as
# observing bounds the load to a tenth of one CPU; the longest rest keeps the metrics fresh.
_REST_FACTOR = 9.0
_LONGEST_REST_SECONDS = 30.0
# Nothing waits for the observer: on busy CPUs the workers come first.
_NICE = 15
_TRANSIENT = (OperationalError, LogError, WriteError, ActivationError)


def rest_seconds(busy: float) -> float:
    """Return the seconds to rest after observing for ``busy`` seconds."""
    return min(max(_SHORTEST_REST_SECONDS, _REST_FACTOR * busy), _LONGEST_REST_SECONDS)


class DriftService:
    """Observes the stream, publishes alarms to the drift topic, and keeps metrics and health up to date."""

    def __init__(self, engine: Engine, observer: StreamObserver, publisher: DriftPublisher) -> None:
        self._engine, self._observer, self._publisher = engine, observer, publisher
        self._metrics = DriftMetrics()
        self._shown: str | None = None
        self.health = DriftHealth(self._metrics)

    def observe(self) -> int:
        """Observe all days that have ended, publish new alarms, and return the number of days that were new."""
        # After a failure it is unknown what was stored, so the next run updates all metrics.
        shown, self._shown = self._shown, None
        windows = self._observer.observe()
        champion = model_registry.champion_version(self._engine)
        if windows or champion != shown:
            self._metrics.observed(self._engine, champion, windows)
        self._shown = champion
        published = self._publisher.publish(self._engine)
        if windows or published:
            log.info("observed", windows=windows, alarms_published=published)
        return windows

    def run(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Observe again and again at low CPU priority; wait out transient faults."""
        os.nice(_NICE)
        log.info("drift observer starting")
        while True:
            began = time.monotonic()
            try:
                self.observe()
            except _TRANSIENT as error:
                reason = first_line(error)
                if self.health.trouble is None:
                    log.warning("waiting", reason=reason)
                self.health.trouble = reason
            else:
                self.health.trouble = None
            sleep(rest_seconds(time.monotonic() - began))
