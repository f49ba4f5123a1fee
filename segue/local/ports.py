"""Free ports on this machine."""

import secrets
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
# Below the ports of outgoing connections (Linux from 32,768, macOS from 49,152): such a connection could take a
# server's port before the server starts, or while it restarts.
_FIRST, _LAST = 15_000, 32_000
_TRIES = 1_000


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Return whether a server can listen on a port now; 0 means any port."""
    try:
        family = _family(address)
    except (OSError, UnicodeError):
        return False
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def free_ports(count: int, address: str = LOOPBACK) -> list[int]:
    """Return ``count`` ports that are free on an address now, and that no outgoing connection will take.

    Raises
    ------
    OSError
        If the address has no meaning here.
    RuntimeError
        If there are not enough.
    """
    ports: list[int] = []
    family = _family(address)
    with ExitStack() as held:
        for _ in range(_TRIES):
            if len(ports) == count:
                return ports
            port = _FIRST + secrets.randbelow(_LAST - _FIRST)
            probe = held.enter_context(socket.socket(family))
            try:
                probe.bind((address, port))
            except OSError:
                continue
            ports.append(port)
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST} on {address}")


def _family(address: str) -> int:
    return socket.getaddrinfo(address or "0.0.0.0", 0, type=socket.SOCK_STREAM)[0][0]  # noqa: S104 - looked up
