"""Health over HTTP: serves ``/healthz``, ``/readyz`` and ``/metrics`` in a separate thread."""

import contextlib
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = structlog.get_logger(__name__)

_PORTS_TO_TRY = 100


class HealthResponse(NamedTuple):
    """The response to a request."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def json(cls, status: int, **content: object) -> Self:
        """Return a response with a JSON object."""
        return cls(status, "application/json", msgspec.json.encode(content) + b"\n")

    @classmethod
    def metrics(cls, registry: CollectorRegistry) -> Self:
        """Return a response with all metrics of a registry, in Prometheus' format."""
        return cls(200, CONTENT_TYPE_LATEST, generate_latest(registry))


class Pages(Protocol):
    """The pages that a process provides."""

    def alive(self) -> HealthResponse:
        """Whether the process is alive."""

    def ready(self) -> HealthResponse:
        """Whether the process makes progress."""

    def metrics(self) -> HealthResponse:
        """All metrics in Prometheus' format."""


class WebServer:
    """Serves the health pages of a process."""

    def __init__(self, health: Pages) -> None:
        self._pages = {"/healthz": health.alive, "/readyz": health.ready, "/metrics": health.metrics}

    def start(self, host: str, port: int) -> str | None:
        """Serve on the port or the next free one, because several workers may share a machine; return the address.

        Health is not essential: without a free port this logs a warning and returns None.
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
    pages: Mapping[str, Callable[[], HealthResponse]]
    timeout = 10

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        answer = HealthResponse(404, "text/plain", b"/healthz, /readyz, /metrics\n") if page is None else page()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Do not log requests."""
