"""One Apache Kafka node, broker and controller in one (KRaft): durable, on the loopback interface only."""

import os
import signal
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from segue.stack.apache.java import classpath, java
from segue.stack.ports import free_ports, is_free
from segue.stack.processes import ChildProcess

_LOG_CONFIGURATION = Path(__file__).with_name("log4j2.xml")
_JVM = [
    *("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"),
    f"-Dlog4j2.configurationFile={_LOG_CONFIGURATION}",
]
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_FORMATTED = "meta.properties"


class ApacheBroker:
    """A broker process over a folder of its own. What it holds stays, and so do its ports and its cluster id."""

    #: The cluster's and the topic's own ids say which log it is.
    log_id: str | None = None

    def __init__(self, folder: Path, log_file: Path, kafka: list[str]) -> None:
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        self._log_file = log_file
        self._kafka = kafka
        self._process = ChildProcess("kafka", [*kafka, "kafka.Kafka", str(self._properties)], {}, log_file)
        self._wanted = False
        self.bootstrap_servers = ""

    @classmethod
    def start(cls, folder: Path, log_file: Path, port: int | None = None) -> Self:
        """Set a broker up at the first time, on ``port`` if that is free, start it, and wait until it answers.

        Raises
        ------
        JavaError
            If Java or Maven is missing or too old, or finds no jars.
        RuntimeError
            If the broker does not start.
        """
        folder.mkdir(parents=True, exist_ok=True)
        broker = cls(folder, log_file, [java(), *_JVM, "-cp", classpath(folder)])
        broker._configure(port)
        broker._format()
        broker.restart()
        return broker

    @property
    def died(self) -> bool:
        """Whether the process has ended without having been told to."""
        return self._wanted and self._process.exit_code is not None

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        return self._process.pid

    def restart(self) -> None:
        """Start the process (again), and wait until it answers.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        self._process.start()
        # Only now: whoever watches must not take the process that was stopped before for one that has died.
        self._wanted = True
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                admin.list_topics(timeout=1)
            except KafkaException:
                if self._process.exit_code is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"Apache Kafka did not start; see {self._log_file}") from None
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def stop(self) -> None:
        """End it cleanly; what it holds stays."""
        self._wanted = False
        self._process.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self._wanted = False
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop()

    def _configure(self, port: int | None) -> None:
        """Write the properties, with the ports that it had before if they are free."""
        ports = _ports(self._properties)
        if not ports and port is not None:
            ports = [port, *free_ports(1)]
        if not ports or not all(map(is_free, ports)):
            ports = free_ports(2)
        client, controller = ports
        self.bootstrap_servers = f"127.0.0.1:{client}"
        self._properties.write_text(_PROPERTIES.format(client=client, controller=controller, data=self._data))

    def _format(self) -> None:
        if (self._data / _FORMATTED).exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*self._kafka, "kafka.tools.StorageTool", "format", "--config", str(self._properties)]
        formatted = subprocess.run([*tool, f"--cluster-id={cluster}"], capture_output=True, text=True, check=False)
        if formatted.returncode:
            reason = (formatted.stderr or formatted.stdout).strip().splitlines()[-1:]
            raise RuntimeError(f"can't format Kafka's storage in {self._data}: {''.join(reason)}")


def _ports(properties: Path) -> list[int]:
    if not properties.exists():
        return []
    listeners = dict(line.split("=", 1) for line in properties.read_text().splitlines() if "=" in line)["listeners"]
    return [int(listener.rsplit(":", 1)[1]) for listener in listeners.split(",")]


# One node: nothing is replicated. Topics are made by who knows how many partitions they need; internal ones are small.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{client}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
# After a crash the controller lets the broker in again when the session of its former life is over.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""
