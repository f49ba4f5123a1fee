"""A receiver of alerts over HTTP, as Apprise's ``json://`` addresses it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class AlertReceiver:
    """Keeps every message that it has accepted; ``refuses`` makes it answer 500."""

    def __init__(self, port: int) -> None:
        self.address = f"json://127.0.0.1:{port}/"
        self.messages: list[dict[str, Any]] = []
        self.refuses = False

    @property
    def titles(self) -> list[str]:
        """The titles of all messages, in their order."""
        return [message["title"] for message in self.messages]


@contextmanager
def alert_receiver() -> Iterator[AlertReceiver]:
    """Run a receiver on a free port."""
    receiver: AlertReceiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not receiver.refuses:
                receiver.messages.append(body)
            self.send_response(500 if receiver.refuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = AlertReceiver(server.server_address[1])
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
