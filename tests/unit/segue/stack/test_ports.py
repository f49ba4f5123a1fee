"""Whether a port is free, asked of the machine."""

import socket

from segue.stack.ports import free_ports, is_free


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_free_ports_are_free_and_differ() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(map(is_free, ports))
    assert is_free(0)
