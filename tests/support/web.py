"""Requests of tests to pages of Segue's processes."""

import httpx

_PATIENCE_SECONDS = 300.0


def get(address: str) -> httpx.Response:
    """Get a page. A busy machine has minutes to answer, where httpx would give up after five seconds."""
    return httpx.get(address, timeout=_PATIENCE_SECONDS)


def answers(address: str) -> bool:
    """Whether a page is there now. A server that is not there refuses at once; one that is busy may take its time."""
    try:
        return httpx.get(address, timeout=30).is_success
    except httpx.HTTPError:
        return False
