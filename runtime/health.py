"""Health over HTTP: ``/healthz``, ``/readyz`` and ``/metrics``, served by a thread of its own."""

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
