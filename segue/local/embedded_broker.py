"""The embedded broker: librdkafka's own, in a process of its own. Speaks Kafka, keeps everything in memory.

Run as ``python -m segue.local.embedded_broker``: prints its address and serves until its standard input closes, so that
it can't outlive its parent. It was made for tests: about 5 MB a partition, 4 partitions a topic.
"""

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Self

_MODULE = "segue.local.embedded_broker"


class EmbeddedBroker:
    """A running broker process. What it holds is gone with it, so every start is a new log."""

    def __init__(self, process: "subprocess.Popen[str]", bootstrap_servers: str) -> None:
        self._process = process
        self.bootstrap_servers = bootstrap_servers
        self.log_id = f"embedded-{uuid.uuid4()}"

    @classmethod
    def start(cls, log_file: Path) -> Self:
        """Start it and wait for its address.

        Raises
        ------
        RuntimeError
            If it ends before it has one.
        """
        with log_file.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None  # noqa: S101 - it was asked for
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"the embedded broker did not start; see {log_file}")
        return cls(process, address)

    @property
    def died(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it; what it holds is gone."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _serve() -> None:
    from confluent_kafka import Producer

    holder = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "embedded", "log_level": 3})
    brokers = holder.list_topics(timeout=10).brokers.values()
    sys.stdout.write(",".join(f"{broker.host}:{broker.port}" for broker in brokers) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
