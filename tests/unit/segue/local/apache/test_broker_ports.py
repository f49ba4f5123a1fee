"""Where a local Kafka listens: where it is wanted if that is free, and then there permanently."""

import socket
from pathlib import Path

from segue.local.apache.node import Node
from segue.local.ports import free_ports


def _address(folder: Path, port: int | None) -> str:
    node = Node(1, folder, folder / "log", [], port)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "meta.properties").touch()
    node.set_up(node.voter, 1, "cluster")
    return f"127.0.0.1:{node.client}"


def test_it_is_set_up_on_the_port_that_is_wanted_and_stays_there(tmp_path: Path) -> None:
    [wanted] = free_ports(1)
    assert _address(tmp_path, wanted) == f"127.0.0.1:{wanted}"
    assert _address(tmp_path, None) == f"127.0.0.1:{wanted}"


def test_a_port_that_is_taken_is_left_to_the_process_that_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert _address(tmp_path, taken) != f"127.0.0.1:{taken}"
