"""A local Apache Kafka with one or more nodes: durable, on the loopback interface only."""

import shutil
import time
import uuid
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.private_files import private_folder
from segue.local.apache.jvm import kafka_command
from segue.local.apache.node import Node
from segue.local.kafka_proxy import KafkaProxy

_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_CHECK_SECONDS = 0.1


class ApacheBroker:
    """Broker processes, each with its own folder. Their records, ports and cluster id survive a restart."""

    #: None: the ids of the cluster and the topic identify the log.
    log_id: str | None = None

    def __init__(self, nodes: list[Node], log_file: Path) -> None:
        self._nodes = nodes
        self._log_file = log_file
        self._should_run = False
        self.bootstrap_servers = ",".join(f"127.0.0.1:{node.client}" for node in nodes)
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    @classmethod
    def start(
        cls, folder: Path, log_file: Path, port: int | None = None, nodes: int = 1, proxy: KafkaProxy | None = None
    ) -> Self:
        """Start brokers, one of them on ``port`` if that is free, and wait until they answer.

        The first start creates the brokers' folders. Clients reach a single broker at ``proxy``, too.

        Raises
        ------
        JavaError
            If Java or Maven is missing or too old, or Maven finds no jars.
        ValueError
            If there is a proxy for more than one broker.
        RuntimeError
            If a broker does not start, or the folder belongs to another number of brokers.
        """
        if proxy is not None and nodes > 1:
            raise ValueError("only a single broker can be behind a proxy")
        private_folder(folder)
        _check_node_count(folder, nodes)
        kafka = kafka_command()
        members = [Node(1, folder, log_file, kafka, port, proxy)]
        members += [Node(number, folder / f"node-{number}", log_file, kafka) for number in range(2, nodes + 1)]
        voters, cluster = ",".join(node.voter for node in members), _random_id()
        for node in members:
            node.set_up(voters, nodes, cluster)
        broker = cls(members, log_file)
        try:
            broker.restart()
        except BaseException:
            broker.stop()
            raise
        return broker

    @property
    def died(self) -> bool:
        """Whether a process has ended that should be running."""
        return self._should_run and any(node.process.exit_code is not None for node in self._nodes)

    @property
    def pid(self) -> int:
        """Process id of the first broker."""
        return self._nodes[0].process.pid

    @property
    def complete(self) -> bool:
        """Whether all nodes are in the cluster, according to its metadata."""
        try:
            return len(self._admin.list_topics(timeout=1).brokers) == len(self._nodes)
        except KafkaException:
            return False

    def restart(self) -> None:
        """Start every broker that is not running, and wait until all answer.

        Raises
        ------
        RuntimeError
            If one does not answer in time.
        """
        for node in self._nodes:
            if not self._should_run or node.process.exit_code is not None:
                node.process.start()
        # Set only now: otherwise a broker that was stopped on purpose would look dead to the supervisor.
        self._should_run = True
        deadline = time.monotonic() + _START_SECONDS
        while not self.complete:
            if self.died or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Apache Kafka did not start; see {self._log_file}")
            time.sleep(_CHECK_SECONDS)

    def stop(self) -> None:
        """Stop all brokers cleanly; their records are kept."""
        self._should_run = False
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.process.stop(_STOP_SECONDS), self._nodes))

    def kill(self) -> None:
        """Kill all brokers, like a crash."""
        self._should_run = False
        for node in self._nodes:
            node.kill()

    def copy_records(self, folder: Path) -> None:
        """Copy the records and the metadata of all stopped brokers to a new folder."""
        for number, node in enumerate(self._nodes):
            shutil.copytree(node.data, folder / str(number))

    def restore_records(self, folder: Path) -> None:
        """Replace what all stopped brokers have stored by a copy."""
        for number, node in enumerate(self._nodes):
            shutil.rmtree(node.data)
            shutil.copytree(folder / str(number), node.data)

    def kill_one(self, number: int) -> None:
        """Kill one of several brokers; the supervisor restarts it."""
        self._nodes[number].kill()


def _check_node_count(folder: Path, nodes: int) -> None:
    existing = len([*folder.glob("node-*")]) + (folder / "data").exists()
    if existing and existing != nodes:
        raise RuntimeError(
            f"{folder} holds a Kafka of {existing} nodes: start it with --nodes {existing}, or delete that folder"
        )


def _random_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
