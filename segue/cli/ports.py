"""Ports that commands listen on."""

from segue.cli.console import fail
from segue.local.ports import LOOPBACK, is_free


def refuse_port_in_use(port: int, address: str = LOOPBACK, option: str = "--port") -> None:
    """Refuse a port that is in use: a server could not start, and the local stack would restart it for ever."""
    if not is_free(port, address):
        fail(f"port {port} is taken; choose another {option}")
