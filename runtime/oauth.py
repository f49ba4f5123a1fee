"""Access tokens for Kafka: fetched by client credentials, and kept until shortly before they expire."""

import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from runtime.errors import SegueError

_TIMEOUT = 10.0
# A token is fetched again when this much of its time is left: clients begin to refresh it a little later.
_LEFT = 0.2
_UNKNOWN_LIFETIME = 300.0


class TokenError(SegueError, ConnectionError):
    """The token endpoint gives no token; it may do so later."""


class Token(NamedTuple):
    """An access token, and when it expires, in seconds since 1970."""

    value: str
    expires_at: float


class TokenSource:
    """Fetches access tokens. Threads may share it."""

    def __init__(
        self, url: str, client_id: str, client_secret: str, scope: str | None, now: Callable[[], float] = time.time
    ) -> None:
        self._url, self._scope, self._now = url, scope, now
        self._client_id, self._client_secret = client_id, client_secret
        self._lock = Lock()
        self._token: Token | None = None
        self._refresh_at = 0.0

    def token(self) -> Token:
        """The current token; a new one when the last one is about to expire.

        Raises
        ------
        TokenError
            If the endpoint can't be reached, refuses, or answers something else.
        """
        with self._lock:
            if self._token is None or self._now() >= self._refresh_at:
                self._token, lifetime = self._fetch()
                self._refresh_at = self._token.expires_at - lifetime * _LEFT
            return self._token

    def _fetch(self) -> tuple[Token, float]:
        # Importing it is slow, and most deployments need no tokens.
        import httpx

        form = {"grant_type": "client_credentials"} | ({} if self._scope is None else {"scope": self._scope})
        try:
            answer = httpx.post(self._url, data=form, auth=(self._client_id, self._client_secret), timeout=_TIMEOUT)
            answer.raise_for_status()
            content = answer.json()
            lifetime = float(content.get("expires_in", _UNKNOWN_LIFETIME))
            return Token(str(content["access_token"]), self._now() + lifetime), lifetime
        except httpx.HTTPStatusError as error:
            reason = f"{error.response.status_code} {error.response.reason_phrase}"
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
        except (ValueError, KeyError, TypeError, AttributeError):
            reason = "the answer has no access_token"
        raise TokenError(f"the token endpoint {self._url} gives no token to {self._client_id} ({reason})")


@lru_cache(maxsize=8)
def token_source(url: str, client_id: str, client_secret: str, scope: str | None) -> TokenSource:
    """The source of these credentials; all clients of a process share it."""
    return TokenSource(url, client_id, client_secret, scope)
