"""A real Apache Kafka with the properties that a test chooses."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from segue.local.apache.jvm import kafka_command
from segue.local.processes import ChildProcess
from tests.support.local_stack import wait_until

#: What every single node has in common; ``controller`` is a port, ``data`` a folder.
SINGLE_NODE = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


@contextmanager
def running_kafka(folder: Path, properties: str, servers: str, *format_options: str) -> Iterator[None]:
    """A broker while the block runs; it answers at ``servers`` without a password when the block begins."""
    file = folder / "server.properties"
    file.write_text(properties)
    kafka = kafka_command()
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*kafka, "kafka.tools.StorageTool", "format", "--config", str(file), f"--cluster-id={cluster}"]
    subprocess.run([*tool, *format_options], check=True, capture_output=True)
    broker = ChildProcess("kafka", [*kafka, "kafka.Kafka", str(file)], {}, folder / "kafka.log")
    broker.start()
    try:
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        wait_until(lambda: broker.exit_code is not None or _answers(admin))
        assert broker.exit_code is None, (folder / "kafka.log").read_text()[-2_000:]
        yield
    finally:
        broker.stop()


def _answers(admin: AdminClient) -> bool:
    try:
        admin.list_topics(timeout=1)
    except KafkaException:
        return False
    return True
