"""A proxy between Kafka clients and a broker. It can hold back the end of a Kafka transaction, and send it later.

Clients must find the proxy's port in the metadata, so the broker advertises that port for one of its listeners.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Self

from segue.local.kafka_requests import END, OF_TRANSACTIONS, KafkaRequest, framed, read_frame
from segue.local.ports import LOOPBACK

# CONCURRENT_TRANSACTIONS: the broker still writes the transaction markers of the previous Kafka transaction.
_BUSY = 51
_BUSY_SECONDS = 0.005
_ANSWER_SECONDS = 60.0


@dataclass
class HeldEnd:
    """An EndTxn request that the proxy holds back.

    The proxy sends it to the broker just before it forwards request number ``before`` (from 0) of the producer's next
    Kafka transaction, or that transaction's own EndTxn request if that comes earlier.

    Parameters
    ----------
    before
        See above.
    on_sent
        Called when the broker has answered the held request, while the proxy stops the producer's requests.
    request
        The held request; None until one comes.
    repeated
        Whether the broker has answered the client's repetition of the request.
    requests
        The keys of the next Kafka transaction's requests that the broker had answered before the held one was sent.
    error
        The broker's answer to the held request, 0 for success; None if there was no answer.
    finished
        Set when the held request was sent, or given up because the broker was not available.
    """

    before: int
    on_sent: Callable[[], None] = lambda: None
    request: KafkaRequest | None = None
    repeated: bool = False
    requests: list[int] = field(default_factory=list)
    error: int | None = None
    finished: Event = field(default_factory=Event)

    def concerns(self, request: KafkaRequest) -> bool:
        """Return whether this is a request to hold, or one of the producer whose request is held."""
        if self.request is None:
            return request.key == END
        return request.transactional_id == self.request.transactional_id

    def is_due(self, request: KafkaRequest) -> bool:
        """Return whether the broker should get the held request before it gets this one."""
        return self.repeated and (len(self.requests) == self.before or request.key == END)

    def answered(self, request: KafkaRequest) -> None:
        """Take note that the broker has answered another request of the producer."""
        if self.finished.is_set():
            return
        if self.repeated:
            self.requests.append(request.key)
        elif request.key == END:
            self.repeated = True


class KafkaProxy:
    """Forwards requests and answers between clients and a broker while the ``with`` block runs.

    Each client connection has its own connection to the broker, and both end together. While the broker is down, the
    proxy closes new connections at once. After :meth:`hold_next_end`, requests that belong to Kafka transactions go to
    the broker one at a time until the held request is sent.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.port = port
        self.broker_port = broker_port
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

    @property
    def servers(self) -> str:
        """The address at which clients reach the broker through the proxy."""
        return f"{LOOPBACK}:{self.port}"

    def hold_next_end(self, before: int, on_sent: Callable[[], None] = lambda: None) -> HeldEnd:
        """Hold back the next EndTxn request, and cut its connection so that the client repeats it."""
        with self._turn:
            self._held = HeldEnd(before, on_sent)
            return self._held

    def release(self) -> None:
        """Send a held request now, and hold no other one back."""
        with self._turn:
            if self._held is not None and self._held.request is not None:
                self._send_late(self._held, self._held.request)
            self._held = None

    def forward(self, request: KafkaRequest, connection: "_Connection") -> None:
        """Forward a request to the broker, or hold it back."""
        if self._held is None or request.key not in OF_TRANSACTIONS:
            connection.send(request)
            return
        with self._turn:
            held = self._held
            if held is None or not held.concerns(request):
                connection.send(request)
                return
            if held.request is None:
                held.request = request
                connection.cut()
                return
            if held.is_due(request):
                self._send_late(held, held.request)
            connection.send(request).wait(_ANSWER_SECONDS)
            held.answered(request)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    broker = self._connect()
                except OSError:
                    client.close()
                else:
                    Thread(target=_Connection(self, client, broker).run, daemon=True).start()

    def _connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.broker_port))

    def _send_late(self, held: HeldEnd, request: KafkaRequest) -> None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        with suppress(OSError, EOFError), self._connect() as broker:
            broker.settimeout(_ANSWER_SECONDS)
            while True:
                broker.sendall(framed(request.content))
                held.error = request.error_of_end(read_frame(broker))
                if held.error != _BUSY or time.monotonic() > deadline:
                    break
                time.sleep(_BUSY_SECONDS)
            held.on_sent()
        held.finished.set()
        self._held = None


class _Connection:
    """A client's connection, and the one to the broker that belongs to it."""

    def __init__(self, proxy: KafkaProxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._unanswered: dict[int, Event] = {}
        for side in (client, broker):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Forward in both directions until one side closes."""
        with self._client, self._broker:
            answers = Thread(target=self._until_closed, args=(self._forward_answer,), daemon=True)
            answers.start()
            self._until_closed(self._forward_request)
            answers.join()

    def send(self, request: KafkaRequest) -> Event:
        """Send a request to the broker; the event is set when its answer was forwarded, or no answer can come."""
        answered = self._unanswered[request.correlation] = Event()
        self._broker.sendall(framed(request.content))
        return answered

    def cut(self) -> None:
        """End both connections."""
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

    def _forward_request(self) -> None:
        self._proxy.forward(KafkaRequest.parse(read_frame(self._client)), self)

    def _forward_answer(self) -> None:
        answer = read_frame(self._broker)
        self._client.sendall(framed(answer))
        answered = self._unanswered.pop(int.from_bytes(answer[:4], "big", signed=True), None)
        if answered is not None:
            answered.set()
