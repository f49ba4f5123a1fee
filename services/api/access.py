"""Who may use the HTTP API: keys with scopes, checked at most a few seconds after they were revoked."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Row, Select

from data.postgres import api_keys
from data.postgres.api_keys import ApiKey

_REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000

FindRow = Callable[[Select[Any]], Awaitable[Row[Any] | None]]


class Keys:
    """Finds the key of a request. Without ``find``, every request may do everything."""

    def __init__(self, find: FindRow | None) -> None:
        self._find = find
        self._known: dict[str, tuple[float, ApiKey | None]] = {}

    async def of(self, authorization: str | None, key: str | None) -> ApiKey | None:
        """The key in the headers ``Authorization: Bearer KEY`` or ``X-Api-Key``; None if it is not valid."""
        if self._find is None:
            return ApiKey("", "anybody", frozenset(api_keys.SCOPES))
        scheme, _, token = (authorization or "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else (key or "")
        until, found = self._known.get(given, (0.0, None))
        if time.monotonic() > until:
            query = api_keys.stored_key(given)
            if query is None:
                return None
            found = api_keys.verified(given, await self._find(query))
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[given] = (time.monotonic() + _REMEMBERED_SECONDS, found)
        return found
