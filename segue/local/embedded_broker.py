"""The embedded broker: librdkafka's mock broker in a child process. It speaks Kafka and keeps everything in memory.

``python -m segue.local.embedded_broker`` prints its address and serves until its standard input closes, so that it
can't outlive its parent. Its limits are about 5 MB for each partition and 4 partitions for each topic.
"""

import ctypes
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from runtime.private_files import open_private

_MODULE = "segue.local.embedded_broker"
# ``RD_KAFKA_PRODUCER`` of librdkafka's ``rd_kafka_type_t``.
_PRODUCER = 0
_REBALANCE_MILLISECONDS = 100
# As many as the broker gives to topics that it creates when they are first used.
_PARTITIONS = 4


class EmbeddedBroker:
    """A running broker process. Its records are lost when it ends, so every start is a new log."""

    def __init__(self, process: "subprocess.Popen[str]", bootstrap_servers: str) -> None:
        self._process = process
        self.bootstrap_servers = bootstrap_servers
        self.log_id = f"embedded-{uuid.uuid4()}"

    @classmethod
    def start(cls, log_file: Path, topics: Iterable[str] = ()) -> Self:
        """Start the broker with some topics, and wait for its address. Other topics begin when they are first used.

        Raises
        ------
        RuntimeError
            If the process ends before it prints an address.
        """
        with open_private(log_file, "a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, *topics],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None  # noqa: S101 - a pipe was requested
        try:
            address = process.stdout.readline().strip()
        except BaseException:
            process.kill()
            raise
        if not address:
            raise RuntimeError(f"the embedded broker did not start; see {log_file}")
        return cls(process, address)

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        return self._process.pid

    @property
    def died(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop the broker; its records are lost."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was requested
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _serve() -> None:
    sys.stdout.write(_start(sys.argv[1:]) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


def _start(topics: Sequence[str]) -> str:
    """Start librdkafka's mock broker, and create topics; returns its address.

    Its C functions are called, because the settings for it have none for the rebalance delay.
    """
    from confluent_kafka import cimpl

    # The module's handle finds the functions of the librdkafka that it is linked to, wherever that is.
    library = ctypes.CDLL(cimpl.__file__)
    library.rd_kafka_new.restype = library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    error = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(_PRODUCER, None, error, ctypes.c_size_t(len(error)))
    if client is None:
        raise RuntimeError(f"librdkafka did not start: {error.value.decode()}")
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
    # By default, the first member of a group waits three seconds for others.
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, _REBALANCE_MILLISECONDS)
    for topic in topics:
        library.rd_kafka_mock_topic_create(cluster, topic.encode(), _PARTITIONS, 1)
    address: bytes = library.rd_kafka_mock_cluster_bootstraps(cluster)
    return address.decode()


if __name__ == "__main__":
    _serve()
