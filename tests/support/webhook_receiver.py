"""A receiver of webhooks that verifies every request and fails in the ways that a test chooses."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from segue.local.ports import free_ports

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Answer(NamedTuple):
    """The response to a request, and the seconds before it."""

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    after: float = 0.0


@dataclass
class Receiver:
    """Serves on a port of its own between ``start`` and ``stop``, and again; remembers every request."""

    #: The response to the n-th request (from 1) for an event.
    answer: Callable[[dict[str, Any], int], Answer] = lambda event, attempt: Answer()
    requests: list[tuple[str, int]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    #: Seconds after which the sender has given up.
    patience: float = 1e9
    #: Violations of the contract.
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        [self.port] = free_ports(1)
        self._lock = Lock()
        self._attempts: Counter[str] = Counter()
        self._server: ThreadingHTTPServer | None = None
        self.busy = self.busiest = 0
        self._busy_with: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/segue"

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def ids(self) -> list[str]:
        """The ids of the accepted events, in order of arrival."""
        with self._lock:
            return [event["id"] for event in self.accepted]

    def histories(self) -> dict[str, list[int]]:
        """The sequences of each customer in the order in which they first arrived."""
        found: dict[str, list[int]] = defaultdict(list)
        with self._lock:
            for event in {event["id"]: event for event in self.accepted}.values():
                found[event["subject"]].append(event["data"]["sequence"])
        return found

    def handle(self, headers: dict[str, str], body: bytes) -> Answer:
        try:
            event: dict[str, Any] = Webhook(SECRET).verify(body, headers)
            assert headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
            assert headers["webhook-id"] == event["id"]
        except Exception as error:
            self.broken.append(f"{type(error).__name__}: {error}")
            return Answer(400)
        with self._lock:
            self._attempts[event["id"]] += 1
            attempt = self._attempts[event["id"]]
            self.requests.append((event["id"], attempt))
            self.raw.append((headers, body))
            self.busy += 1
            self.busiest = max(self.busy, self.busiest)
            self._busy_with[event["subject"]] += 1
            if self._busy_with[event["subject"]] > 1:
                self.broken.append(f"two requests at a time for {event['subject']}")
        answer = self.answer(event, attempt)
        time.sleep(min(answer.after, self.patience))
        with self._lock:
            self.busy -= 1
            self._busy_with[event["subject"]] -= 1
        time.sleep(max(answer.after - self.patience, 0))
        with self._lock:
            if answer.status < 300:
                self.accepted.append(event)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender may close the connection."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if len(body) < int(self.headers["content-length"]):
            return  # the sender was killed
        answer = self.receiver.handle({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
