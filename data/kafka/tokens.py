"""Access tokens for clients written in Python, which ask for them in an event loop."""

import asyncio

from aiokafka.abc import AbstractTokenProvider

from runtime.brokers import Brokers
from runtime.oauth import TokenSource


class AsyncTokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Fetches tokens in a thread, so that the event loop goes on."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """The current access token."""
        return (await asyncio.to_thread(self._source.token)).value


def async_tokens(brokers: Brokers) -> AsyncTokens | None:
    """The provider of access tokens; None if the brokers need none."""
    return None if brokers.tokens is None else AsyncTokens(brokers.tokens)
