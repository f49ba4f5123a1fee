"""Whether a worker is alive and gets on, told over HTTP: ``/healthz``, ``/readyz`` and ``/metrics``.

The server has a thread of its own: it answers while the worker still waits for Kafka, Postgres or a model, and it
notices when the event loop does not turn any more.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from stream_app.metrics import Metrics

log = structlog.get_logger(__name__)

_PORTS_TO_TRY = 100
_BEAT_SECONDS = 1.0
#: An event loop that has not turned for so long hangs.
HUNG_SECONDS = 30.0
#: A partition that is behind and has committed nothing for so long does not get on.
STUCK_SECONDS = 15.0


class Answer(NamedTuple):
    """What a request gets."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def json(cls, status: int, **content: object) -> Self:
        """A JSON object."""
        return cls(status, "application/json", msgspec.json.encode(content) + b"\n")

    @classmethod
    def metrics(cls, registry: CollectorRegistry) -> Self:
        """All metrics of a registry as Prometheus reads them."""
        return cls(200, CONTENT_TYPE_LATEST, generate_latest(registry))


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


class Pages(Protocol):
    """What is served, whoever's health it is."""

    def alive(self) -> Answer:
        """Whether the process does anything at all."""

    def ready(self) -> Answer:
        """Whether it gets on."""

    def metrics(self) -> Answer:
        """All metrics as Prometheus reads them."""


class WebServer:
    """Serves a process's health; nothing else."""

    def __init__(self, health: Pages) -> None:
        self._pages = {"/healthz": health.alive, "/readyz": health.ready, "/metrics": health.metrics}

    def start(self, host: str, port: int) -> str | None:
        """Serve on the port, or on the next free one: several workers may share a machine. Returns the address.

        A worker does its work without this too: where nothing is free, it says so and goes on.
        """
        handler = type("Handler", (_Handler,), {"pages": self._pages})
        for candidate in range(port, min(port + _PORTS_TO_TRY, 65_536)):
            with contextlib.suppress(OSError):
                server = _Server((host, candidate), handler)
                Thread(target=server.serve_forever, name="web", daemon=True).start()
                address = f"http://{host}:{candidate}"
                log.info("serving health and metrics", address=address)
                return address
        log.warning("health and metrics can't be served: no port is free, or there is no such interface", host=host)
        return None


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    pages: Mapping[str, Callable[[], Answer]]
    timeout = 10

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        answer = Answer(404, "text/plain", b"/healthz, /readyz, /metrics\n") if page is None else page()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line."""
