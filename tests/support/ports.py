"""Ports that nobody uses at this moment."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Some ports of the loopback interface, all different."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
