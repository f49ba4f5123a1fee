"""A token endpoint as an OpenID Connect provider has, which gives unsecured tokens to one client."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

CLIENT, SECRET = "segue", "open sesame"


@dataclass
class TokenEndpoint:
    """Where it is, how long its tokens last (seconds), and the forms of the requests that got a token."""

    lifetime: float = 3_600.0
    url: str = ""
    forms: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def token_endpoint(lifetime: float = 3_600.0) -> Iterator[TokenEndpoint]:
    """An endpoint while the block runs."""
    endpoint = TokenEndpoint(lifetime)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            if given != f"{CLIENT}:{SECRET}" or form["grant_type"] != ["client_credentials"]:
                self.send_response(401)
                self.end_headers()
                return
            endpoint.forms.append(form)
            body = json.dumps({"access_token": _token(endpoint.lifetime), "expires_in": endpoint.lifetime}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


def _token(lifetime: float) -> str:
    """A token without a signature, as Kafka accepts it from a client in development."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": CLIENT, "iat": now, "exp": now + lifetime})
    encoded = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{'.'.join(encoded)}."
