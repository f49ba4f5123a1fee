"""Whether a worker is alive and makes progress.

The server that tells it has a thread of its own: it answers while the worker still waits for Kafka, Postgres or a
model, and it notices when the event loop does not turn any more.
"""

import asyncio
import time

from runtime.health import Answer
from stream_app.metrics import Metrics

_BEAT_SECONDS = 1.0
#: An event loop that has not turned for so long hangs.
HUNG_SECONDS = 30.0
#: A partition that is behind and has committed nothing for so long does not get on.
STUCK_SECONDS = 15.0


class Health:
    """What is known about a worker's health. :meth:`beat` runs on the event loop; everything else on other threads."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._beaten_at: float | None = None

    async def beat(self) -> None:
        """Show that the event loop turns, for ever."""
        while True:
            self._beaten_at = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    def alive(self) -> Answer:
        """Whether the process does anything at all; it does while it waits for others to start."""
        hung = self._beaten_at is not None and time.monotonic() - self._beaten_at > HUNG_SECONDS
        return Answer.json(503 if hung else 200, alive=not hung)

    def ready(self) -> Answer:
        """Whether all partitions of this worker get on; a worker without any is ready to take over."""
        reasons = [] if self._metrics.joined else ["not in the consumer group yet"]
        partitions = {}
        for partition, standing in sorted(self._metrics.partitions.items()):
            end, fetch_age = self._metrics.reach(partition)
            lag = None if end is None else max(end - standing.next_offset, 0)
            age = standing.commit_age
            partitions[str(partition)] = {
                "next_offset": standing.next_offset,
                "lag_records": lag,
                "commit_age_seconds": round(age, 3),
            }
            if not standing.claimed:
                reasons.append(f"partition {partition} has not been claimed")
            elif standing.trouble is not None:
                reasons.append(f"partition {partition} waits for a fault to pass ({standing.trouble})")
            elif lag and age > STUCK_SECONDS:
                reasons.append(f"partition {partition} is {lag} behind and has committed nothing for {age:.0f} s")
            elif min(age, age if fetch_age is None else fetch_age) > STUCK_SECONDS:
                reasons.append(f"partition {partition} has heard nothing from the broker")
        return Answer.json(503 if reasons else 200, ready=not reasons, reasons=reasons, partitions=partitions)

    def metrics(self) -> Answer:
        """All metrics as Prometheus reads them."""
        return Answer.metrics(self._metrics.registry)
