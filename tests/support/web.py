"""Requests of tests to pages of Segue's processes."""

import re
import ssl

import httpx

_PATIENCE_SECONDS = 300.0
# The pages have no TLS. Without this, every request would load the certificates of the system again.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def get(address: str, timeout: float = _PATIENCE_SECONDS) -> httpx.Response:
    """Get a page. A busy machine has minutes to answer, where httpx would give up after five seconds."""
    return httpx.get(address, timeout=timeout, verify=_NO_CERTIFICATES)


def answers(address: str) -> bool:
    """Whether a page is there now. A server that is not there refuses at once; one that is busy may take its time."""
    try:
        return get(address, timeout=30).is_success
    except httpx.HTTPError:
        return False


def dashboard_address(said: str) -> str:
    """The address of the dashboard that ``segue up`` or ``segue demo`` has printed."""
    found = re.search(r"Dashboard: (http://127\.0\.0\.1:[1-9]\d*)\s", said)
    assert found, said
    return found[1]
