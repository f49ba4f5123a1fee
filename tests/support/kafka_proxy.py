"""A real Apache Kafka behind a proxy that can hold back the end of a Kafka transaction, and send it later."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import NamedTuple, Self

from segue.local.ports import LOOPBACK, free_ports
from tests.support.real_kafka import running_kafka

PRODUCE, ADD_PARTITIONS, END = 0, 24, 26
_OF_TRANSACTIONS = {PRODUCE, ADD_PARTITIONS, END}
_FIRST_FLEXIBLE_END = 3
# The broker still writes the transaction markers of the Kafka transaction before.
_BUSY = 51
_ANSWER_SECONDS = 60.0
# Clients reach the broker at the proxy's port, because that is the one the broker advertises.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=DIRECT
listeners=PROXIED://127.0.0.1:{proxied},DIRECT://127.0.0.1:{direct},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PROXIED://127.0.0.1:{proxy},DIRECT://127.0.0.1:{direct}
listener.security.protocol.map=PROXIED:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


class Request(NamedTuple):
    """A request of the Kafka protocol, as the bytes that follow its length."""

    key: int
    version: int
    correlation: int
    content: bytes

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the fixed part of the header."""
        return cls(*struct.unpack_from(">hhi", content), content)


@dataclass
class HeldEnd:
    """An EndTxn request that the proxy keeps.

    The proxy sends it to the broker just before it forwards request number ``before`` (from 0) of the next Kafka
    transaction, or that transaction's own EndTxn if that comes earlier. ``requests`` are the keys of the next Kafka
    transaction's requests that the broker had answered by then; ``error`` is the broker's answer, 0 for success.
    """

    before: int
    on_sent: Callable[[], None]
    request: Request | None = None
    repeated: bool = False
    requests: list[int] = field(default_factory=list)
    error: int | None = None

    def is_due(self, request: Request) -> bool:
        """Whether the broker is to get the held request before it gets this one."""
        return self.repeated and self.error is None and (len(self.requests) == self.before or request.key == END)


class KafkaProxy:
    """Forwards bytes between clients and a broker.

    Requests that belong to Kafka transactions go one at a time, each after the answer to the one before.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.port = port
        self._broker_port = broker_port
        self._turn = Lock()
        self._held: HeldEnd | None = None
        self._listener = socket.create_server((LOOPBACK, port))

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() keeps the port of a socket that is only closed.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hold_next_end(self, before: int, on_sent: Callable[[], None]) -> HeldEnd:
        """Keep the next EndTxn request, and cut its connection so that the client repeats it."""
        with self._turn:
            self._held = HeldEnd(before, on_sent)
            return self._held

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _Connection(self, client, self._connect()).start()

    def _connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self._broker_port))

    def forward(self, request: Request, connection: "_Connection") -> None:
        """Forward a request to the broker, or hold it."""
        if request.key not in _OF_TRANSACTIONS:
            connection.send(request)
            return
        with self._turn:
            held = self._held
            if held is not None and held.request is None and request.key == END:
                held.request = request
                connection.cut()
                return
            if held is not None and held.is_due(request):
                self._send_late(held)
            answered = connection.send(request)
            answered.wait(_ANSWER_SECONDS)
            if held is not None and held.repeated and held.error is None:
                held.requests.append(request.key)
            elif held is not None and held.request is not None and request.key == END:
                held.repeated = True

    def _send_late(self, held: HeldEnd) -> None:
        assert held.request is not None
        # Behind the correlation id and the throttle time; flexible versions have tagged fields between them.
        place = 8 + (held.request.version >= _FIRST_FLEXIBLE_END)
        held.error = _BUSY
        with self._connect() as broker:
            while held.error == _BUSY:
                broker.sendall(_framed(held.request.content))
                (held.error,) = struct.unpack_from(">h", _frame(broker), place)
        held.on_sent()


class _Connection:
    """A client's connection, and the one to the broker that belongs to it."""

    def __init__(self, proxy: KafkaProxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._unanswered: dict[int, Event] = {}

    def start(self) -> None:
        """Forward in both directions until one side closes."""
        Thread(target=self._until_closed, args=(self._forward_requests,), daemon=True).start()
        Thread(target=self._until_closed, args=(self._forward_answers,), daemon=True).start()

    def send(self, request: Request) -> Event:
        """Send a request to the broker; the event is set when the answer has been forwarded, or can't be any more."""
        answered = self._unanswered[request.correlation] = Event()
        self._broker.sendall(_framed(request.content))
        return answered

    def cut(self) -> None:
        """Close both sides."""
        for side in (self._client, self._broker):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _until_closed(self, forward_one: Callable[[], None]) -> None:
        try:
            with suppress(OSError, EOFError):
                while True:
                    forward_one()
        finally:
            self.cut()
            for answered in list(self._unanswered.values()):
                answered.set()

    def _forward_requests(self) -> None:
        self._proxy.forward(Request.parse(_frame(self._client)), self)

    def _forward_answers(self) -> None:
        answer = _frame(self._broker)
        self._client.sendall(_framed(answer))
        (correlation,) = struct.unpack_from(">i", answer)
        answered = self._unanswered.pop(correlation, None)
        if answered is not None:
            answered.set()


def _framed(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def _frame(source: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", _exactly(source, 4))
    return _exactly(source, length)


def _exactly(source: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = source.recv(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class ProxiedKafka(NamedTuple):
    """The proxy, and the addresses at which clients reach the broker through it and past it."""

    proxy: KafkaProxy
    servers: str
    direct_servers: str


@contextmanager
def proxied_kafka(folder: Path) -> Iterator[ProxiedKafka]:
    """A broker and its proxy while the block runs."""
    proxy_port, proxied, direct, controller = free_ports(4)
    properties = _PROPERTIES.format(
        proxy=proxy_port, proxied=proxied, direct=direct, controller=controller, data=folder / "data"
    )
    direct_servers = f"{LOOPBACK}:{direct}"
    with KafkaProxy(proxy_port, proxied) as proxy, running_kafka(folder, properties, direct_servers):
        yield ProxiedKafka(proxy, f"{LOOPBACK}:{proxy_port}", direct_servers)
