"""The observer as a process: looks every two seconds or less often, waits where others are away, ends on Ctrl-C."""

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
from services.drift.metrics import DriftHealth, DriftMetrics
from services.drift.publishing import DriftPublisher
from services.drift.watcher import Watcher

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
# A look takes processor time from the workers, and its queries do, which know nothing of niceness: it rests nine times
# as long as it looked, so that it takes a tenth of one processor, but not for so long that it seems to be gone.
_REST = 9.0
_LONGEST_REST_SECONDS = 30.0
# Nothing waits for an observer: with a stream at full speed on the same cores, it comes after the stream.
_NICE = 15
_PASSING = (OperationalError, LogError, WriteError, ActivationError)


def rest_seconds(looked: float) -> float:
    """How long to rest after a look of so many seconds."""
    return min(max(_LOOK_SECONDS, _REST * looked), _LONGEST_REST_SECONDS)


class Observatory:
    """A watcher, the topic that it writes to, and what is known about both."""

    def __init__(self, engine: Engine, watcher: Watcher, publisher: DriftPublisher) -> None:
        self._engine, self._watcher, self._publisher = engine, watcher, publisher
        self._metrics = DriftMetrics()
        self._shown: str | None = None
        self.health = DriftHealth(self._metrics)

    def look(self) -> int:
        """Observe what has closed, and publish what was raised; returns how many windows were new."""
        # What a look that fails has kept isn't known, so the next one shows everything again.
        shown, self._shown = self._shown, None
        windows = self._watcher.look()
        champion = model_registry.champion_version(self._engine)
        if windows or champion != shown:
            self._metrics.observed(self._engine, champion, windows)
        self._shown = champion
        published = self._publisher.publish(self._engine)
        if windows or published:
            log.info("observed", windows=windows, alarms_published=published)
        return windows

    def run(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Look again and again, taking what processor time others leave; a fault is waited out."""
        os.nice(_NICE)
        log.info("drift observer starting")
        while True:
            began = time.monotonic()
            try:
                self.look()
            except _PASSING as error:
                reason = str(error).strip().splitlines()[0]
                if self.health.trouble is None:
                    log.warning("waiting", reason=reason)
                self.health.trouble = reason
            else:
                self.health.trouble = None
            sleep(rest_seconds(time.monotonic() - began))
