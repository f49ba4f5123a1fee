"""A local Apache Kafka of one node or some: durable, on the loopback interface only."""

import time
import uuid
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from segue.local.apache.java import classpath, java
from segue.local.apache.node import Node

_LOG_CONFIGURATION = Path(__file__).with_name("log4j2.xml")
_JVM = [
    *("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"),
    # A local broker starts often and lives beside workers on few cores: what the second compiler costs never pays off.
    "-XX:TieredStopAtLevel=1",
    f"-Dlog4j2.configurationFile={_LOG_CONFIGURATION}",
]
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.1


class ApacheBroker:
    """Broker processes, each over a folder of its own. What they hold stays, and so do their ports and cluster id."""

    #: The cluster's and the topic's own ids say which log it is.
    log_id: str | None = None

    def __init__(self, nodes: list[Node], log_file: Path) -> None:
        self._nodes = nodes
        self._log_file = log_file
        self._wanted = False
        self.bootstrap_servers = ",".join(f"127.0.0.1:{node.client}" for node in nodes)
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    @classmethod
    def start(cls, folder: Path, log_file: Path, port: int | None = None, nodes: int = 1) -> Self:
        """Set brokers up at the first time, one on ``port`` if that is free, start them, and wait until they answer.

        Raises
        ------
        JavaError
            If Java or Maven is missing or too old, or finds no jars.
        RuntimeError
            If a broker does not start, or the folder holds another number of them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        _check_number(folder, nodes)
        kafka = [java(), *_JVM, "-cp", classpath(folder)]
        members = [Node(1, folder, log_file, kafka, port)]
        members += [Node(number, folder / f"node-{number}", log_file, kafka) for number in range(2, nodes + 1)]
        voters, cluster = ",".join(node.voter for node in members), _random_id()
        for node in members:
            node.set_up(voters, nodes, cluster)
        broker = cls(members, log_file)
        broker.restart()
        return broker

    @property
    def died(self) -> bool:
        """Whether a process has ended without having been told to."""
        return self._wanted and any(node.process.exit_code is not None for node in self._nodes)

    @property
    def pid(self) -> int:
        """Process id of the first broker."""
        return self._nodes[0].process.pid

    @property
    def complete(self) -> bool:
        """Whether all nodes are there, as one that is asked now says."""
        try:
            return len(self._admin.list_topics(timeout=1).brokers) == len(self._nodes)
        except KafkaException:
            return False

    def restart(self) -> None:
        """Start what does not run (again), and wait until all answer.

        Raises
        ------
        RuntimeError
            If one does not.
        """
        for node in self._nodes:
            if not self._wanted or node.process.exit_code is not None:
                node.process.start()
        # Only now: whoever watches must not take the process that was stopped before for one that has died.
        self._wanted = True
        deadline = time.monotonic() + _START_SECONDS
        while not self.complete:
            if self.died or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Apache Kafka did not start; see {self._log_file}")
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """End it cleanly; what it holds stays."""
        self._wanted = False
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.process.stop(_STOP_SECONDS), self._nodes))

    def kill(self) -> None:
        """End it as a crash would."""
        self._wanted = False
        for node in self._nodes:
            node.kill()

    def kill_one(self, number: int) -> None:
        """Let one of several brokers crash; whoever watches will find out."""
        self._nodes[number].kill()


def _check_number(folder: Path, nodes: int) -> None:
    there = len([*folder.glob("node-*")]) + (folder / "data").exists()
    if there and there != nodes:
        raise RuntimeError(
            f"{folder} holds a Kafka of {there} nodes: start it with --nodes {there}, or delete it (--fresh)"
        )


def _random_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
