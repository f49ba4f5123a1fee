"""Whether a worker is alive and makes progress.

The health server has a thread of its own. It answers while the worker still waits for Kafka or Postgres, and it notices
when the event loop hangs.
"""

import asyncio
import time

from data.postgres.progress import FAILING, STUCK_SECONDS
from runtime.counts import many
from runtime.health import HealthResponse
from stream_app.metrics import Metrics
from stream_app.partition_status import Clock

_BEAT_SECONDS = 1.0
#: An event loop that has not run for this long hangs.
HUNG_SECONDS = 30.0


class Health:
    """The health of a worker. :meth:`beat` runs on the event loop; the other methods run on other threads."""

    def __init__(self, metrics: Metrics, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._metrics = metrics
        metrics.ready = lambda: self.ready().status == 200
        self._last_beat_at: float | None = None

    async def beat(self) -> None:
        """Record forever that the event loop runs."""
        while True:
            self._last_beat_at = self._clock()
            await asyncio.sleep(_BEAT_SECONDS)

    def alive(self) -> HealthResponse:
        """Whether the event loop runs; a process whose event loop has not started yet is alive."""
        hung = self._last_beat_at is not None and self._clock() - self._last_beat_at > HUNG_SECONDS
        return HealthResponse.json(503 if hung else 200, alive=not hung)

    def ready(self) -> HealthResponse:
        """Whether all partitions of this worker make progress; a worker without partitions is ready to get some."""
        reasons = [] if self._metrics.joined else ["the worker has not joined the consumer group yet"]
        partitions = {}
        for partition, status in sorted(self._metrics.partitions.items()):
            end, fetch_age = self._metrics.log_end(partition)
            lag = None if end is None else max(end - status.next_offset, 0)
            age = status.commit_age
            partitions[str(partition)] = {
                "next_offset": status.next_offset,
                "lag_records": lag,
                "commit_age_seconds": round(age, 3),
                "failures_in_a_row": status.failures,
            }
            silence = status.claim_age if fetch_age is None else fetch_age
            if status.failures >= FAILING:
                reasons.append(f"partition {partition} has failed {status.failures} times in a row ({status.fault})")
            elif not status.claimed:
                reasons.append(f"partition {partition} has not been claimed")
            elif status.ahead_of_postgres:
                reasons.append(
                    f"partition {partition} is catching up with what was published: the change topic has "
                    f"{many(status.ahead_of_postgres, 'change')} that Postgres does not have"
                )
            elif status.risk_ahead_of_postgres:
                reasons.append(
                    f"partition {partition} is catching up with what was published: the topic of risk changes has "
                    f"{status.risk_ahead_of_postgres} that Postgres does not have"
                )
            elif status.recovering is not None:
                reasons.append(f"partition {partition} recovers from a fault of the log: {status.recovering}")
            elif lag and age > STUCK_SECONDS:
                reasons.append(
                    f"partition {partition} is {many(lag, 'record')} behind and has committed nothing for {age:.0f} s"
                )
            elif min(age, silence) > STUCK_SECONDS:
                reasons.append(f"partition {partition} has received no answer from the broker")
        return HealthResponse.json(503 if reasons else 200, ready=not reasons, reasons=reasons, partitions=partitions)

    def metrics(self) -> HealthResponse:
        """All metrics in the format of Prometheus."""
        return HealthResponse.metrics(self._metrics.registry)
