"""One node of a local Apache Kafka, broker and controller in one (KRaft), on the loopback interface only."""

import os
import signal
import subprocess
from pathlib import Path

from runtime.private_files import UMASK, private_folder, write_private
from segue.local.kafka_proxy import KafkaProxy
from segue.local.ports import free_ports, is_free
from segue.local.processes import ChildProcess

_FORMATTED = "meta.properties"


class Node:
    """One broker process with its own folder. It keeps the ports of its last start, if they are free.

    On the first start clients connect to ``port``, if that is free. With a ``proxy``, the node has
    another listener for it.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        log_file: Path,
        kafka: list[str],
        port: int | None = None,
        proxy: KafkaProxy | None = None,
    ) -> None:
        self._number = number
        self._proxy = proxy
        self.data = folder / "data"
        self._properties = folder / "server.properties"
        self._kafka = kafka
        self.process = ChildProcess(f"kafka-{number}", [*kafka, "kafka.Kafka", str(self._properties)], {}, log_file)
        private_folder(folder)
        ports = _ports(self._properties)
        if not ports and port is not None:
            ports = [port, *free_ports(1)]
        if not ports or not all(map(is_free, ports)):
            ports = free_ports(2)
        self.client, self.controller = ports

    @property
    def voter(self) -> str:
        """The node in the notation of ``controller.quorum.voters``."""
        return f"{self._number}@127.0.0.1:{self.controller}"

    def set_up(self, voters: str, nodes: int, cluster: str) -> None:
        """Write the node's properties, and format its storage if that is new."""
        proxy = self._proxy
        write_private(
            self._properties,
            _PROPERTIES.format(
                number=self._number,
                voters=voters,
                client=self.client,
                controller=self.controller,
                proxied=f",PROXIED://127.0.0.1:{proxy.broker_port}" if proxy else "",
                advertised=f",PROXIED://127.0.0.1:{proxy.port}" if proxy else "",
                data=self.data,
                replicas=nodes,
                in_sync=min(nodes, 2),
            ),
        )
        if (self.data / _FORMATTED).exists():
            return
        tool = [*self._kafka, "kafka.tools.StorageTool", "format", "--config", str(self._properties)]
        formatted = subprocess.run(
            [*tool, f"--cluster-id={cluster}"], capture_output=True, text=True, check=False, umask=UMASK
        )
        if formatted.returncode:
            reason = (formatted.stderr or formatted.stdout).strip().splitlines()[-1:]
            raise RuntimeError(f"can't format Kafka's storage in {self.data}: {''.join(reason)}")

    def kill(self) -> None:
        """Kill the process, like a crash."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.stop()


def _ports(properties: Path) -> list[int]:
    if not properties.exists():
        return []
    listeners = dict(line.split("=", 1) for line in properties.read_text().splitlines() if "=" in line)["listeners"]
    # A proxy's listener is the third one, and has a new port on every start.
    return [int(listener.rsplit(":", 1)[1]) for listener in listeners.split(",")[:2]]


# Every node has a replica of everything. Clients create topics, because they know the number of partitions.
_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}{proxied}
advertised.listeners=CLIENT://127.0.0.1:{client}{advertised}
listener.security.protocol.map=CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
# After a crash the controller accepts the broker again only when its earlier session has expired.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""
