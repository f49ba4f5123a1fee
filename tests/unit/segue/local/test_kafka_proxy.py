"""A proxy forwards whole requests, survives a broker that is down, and holds back the end of one transaction."""

import socket
import struct
from collections.abc import Iterator
from threading import Thread

import pytest

from segue.local.kafka_proxy import KafkaProxy
from segue.local.kafka_requests import ADD_PARTITIONS, END, PRODUCE, KafkaRequest, framed, read_frame
from segue.local.ports import LOOPBACK, free_ports

_METADATA = 3


def _request(key: int, version: int, correlation: int, body: bytes, tags: bytes = b"") -> bytes:
    return struct.pack(">hhih", key, version, correlation, 6) + b"client" + tags + body


def _end(correlation: int, name: bytes = b"changes-0") -> bytes:
    return _request(END, 1, correlation, struct.pack(">h", len(name)) + name + b"rest")


class Broker:
    """Answers every request with its correlation id and success, and keeps the requests."""

    def __init__(self, port: int) -> None:
        self.received: list[KafkaRequest] = []
        self._server = socket.create_server((LOOPBACK, port))
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._server.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while True:
                    request = KafkaRequest.parse(read_frame(client))
                    self.received.append(request)
                    client.sendall(framed(struct.pack(">iih", request.correlation, 0, 0)))
            except (EOFError, OSError):
                pass

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def proxy() -> Iterator[KafkaProxy]:
    with KafkaProxy(*free_ports(2)) as proxy:
        yield proxy


@pytest.fixture
def broker(proxy: KafkaProxy) -> Iterator[Broker]:
    broker = Broker(proxy.broker_port)
    yield broker
    broker.close()


def _client(proxy: KafkaProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=300)


def _answered(client: socket.socket, content: bytes) -> int:
    client.sendall(framed(content))
    return int.from_bytes(read_frame(client)[:4], "big")


@pytest.mark.parametrize(
    ("key", "version", "body", "tags", "expected"),
    [
        (END, 1, b"\x00\x03abc\x00", b"", b"abc"),
        (END, 3, b"\x04abc\x00", b"\x00", b"abc"),
        (ADD_PARTITIONS, 0, b"\x00\x03abc\x00", b"", b"abc"),
        (PRODUCE, 2, b"\xff\xff\x00\x00", b"", None),
        (PRODUCE, 8, b"\xff\xff\x00\x00", b"", None),
        (PRODUCE, 9, b"\x00\x00\x00", b"\x00", None),
        (PRODUCE, 10, b"\x81\x01" + b"x" * 128, b"\x00", b"x" * 128),
    ],
)
def test_the_transactional_id_is_read_in_every_encoding(
    key: int, version: int, body: bytes, tags: bytes, expected: bytes | None
) -> None:
    assert KafkaRequest.parse(_request(key, version, 1, body, tags)).transactional_id == expected


def test_clients_reach_a_broker_that_starts_later(proxy: KafkaProxy) -> None:
    with _client(proxy) as early, pytest.raises((EOFError, ConnectionError)):
        _answered(early, _request(_METADATA, 1, 1, b""))
    broker = Broker(proxy.broker_port)
    with _client(proxy) as later:
        assert _answered(later, _request(_METADATA, 1, 2, b"")) == 2
    broker.close()


def test_a_held_end_is_sent_in_the_next_transaction_of_the_same_producer(proxy: KafkaProxy, broker: Broker) -> None:
    held = proxy.hold_next_end(before=1)
    with _client(proxy) as client, pytest.raises((EOFError, ConnectionError)):
        _answered(client, _end(1))
    with _client(proxy) as client, _client(proxy) as other:
        assert _answered(other, _end(7, b"changes-1")) == 7
        assert [_answered(client, _end(number)) for number in (2, 3)] == [2, 3]
        assert _answered(other, _end(8, b"changes-1")) == 8
    assert held.finished.is_set()
    # The repetition, then the late first one just before the end of the next transaction.
    assert [request.correlation for request in broker.received] == [7, 2, 1, 3, 8]
    assert (held.error, held.requests) == (0, [])


def test_a_held_end_is_released_when_no_transaction_follows(proxy: KafkaProxy, broker: Broker) -> None:
    held = proxy.hold_next_end(before=0)
    with _client(proxy) as client, pytest.raises((EOFError, ConnectionError)):
        _answered(client, _end(1))
    assert not held.finished.is_set()
    proxy.release()
    assert [request.correlation for request in broker.received] == [1]
    with _client(proxy) as client:
        assert _answered(client, _end(2)) == 2
    assert held.finished.is_set()


def test_a_broker_that_is_down_ends_the_wait_for_a_held_end(proxy: KafkaProxy) -> None:
    broker = Broker(proxy.broker_port)
    held = proxy.hold_next_end(before=0)
    with _client(proxy) as client, pytest.raises((EOFError, ConnectionError)):
        _answered(client, _end(1))
    broker.close()
    proxy.release()
    assert (held.finished.is_set(), held.error) == (True, None)
