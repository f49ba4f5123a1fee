"""Whether the stream has the currency in which the HTTP API accepts amounts."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Row, Select

from data.postgres import currency
from data.postgres.currency import CurrencyError

_REMEMBERED_SECONDS = 5.0

FindRow = Callable[[Select[Any]], Awaitable[Row[Any] | None]]


class CurrencyCheck:
    """Compares the API's currency with that of the stream, which the first worker may store after the API has started.

    Parameters
    ----------
    find
        Finds the only row of a query.
    accepted
        The API's currency, as an ISO 4217 code.
    """

    def __init__(self, find: FindRow, accepted: str) -> None:
        self._find = find
        self.accepted = accepted
        self._until = 0.0
        self._trouble: str | None = None

    async def trouble(self) -> str | None:
        """Why no amount may be accepted; None if the stream has the same currency, or none yet."""
        if time.monotonic() > self._until:
            found = await self._find(currency.stored_query())
            try:
                currency.compare(None if found is None else found[0], self.accepted)
                self._trouble = None
            except CurrencyError as error:
                self._trouble = str(error)
            self._until = time.monotonic() + _REMEMBERED_SECONDS
        return self._trouble
