"""Ports that commands listen on."""

from segue.cli.console import fail
from segue.local.ports import LOOPBACK, free_ports, is_free


def fixed_port(port: int, address: str = LOOPBACK) -> int:
    """The port to show and to keep across restarts of what is served: with 0, one that is free."""
    if port == 0:
        return free_ports(1, address)[0]
    refuse_port_in_use(port, address)
    return port


def refuse_port_in_use(port: int, address: str = LOOPBACK, option: str = "--port") -> None:
    """Refuse a port that is in use: a server could not start, and the local stack would restart it forever."""
    if not is_free(port, address):
        fail(f"port {port} is taken; choose another {option}")
