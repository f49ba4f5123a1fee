"""Free ports on this machine."""

import secrets
import socket
import sys
from pathlib import Path

import pytest

from segue.cli.ports import fixed_port
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has every address of 127.0.0.0/8")
def test_a_free_port_is_free_on_the_address_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, other = free_ports(2)
    with socket.create_server(("127.0.0.2", taken)):
        tried = iter([taken, other] * 2)
        monkeypatch.setattr(secrets, "randbelow", lambda _: next(tried) - 15_000)
        assert fixed_port(0, "127.0.0.2") == other
        assert fixed_port(0) == taken


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux lists the ports of outgoing connections here")
def test_no_outgoing_connection_can_take_a_free_port_before_its_server_has_started() -> None:
    first, last = map(int, OUTGOING.read_text().split())
    assert not {*free_ports(200)} & {*range(first, last + 1)}
