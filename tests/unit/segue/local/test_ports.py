"""Free ports on this machine."""

import socket
from pathlib import Path

import pytest

from segue.local.ports import free_ports, is_free

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_free_ports_are_free_and_differ() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(map(is_free, ports))
    assert is_free(0)


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux lists the ports of outgoing connections here")
def test_no_outgoing_connection_can_take_a_free_port_before_its_server_has_started() -> None:
    first, last = map(int, OUTGOING.read_text().split())
    assert not {*free_ports(200)} & {*range(first, last + 1)}
