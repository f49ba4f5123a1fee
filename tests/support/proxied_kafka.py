"""A real Apache Kafka behind a proxy that can hold back the end of a Kafka transaction, and send it later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from segue.local.kafka_proxy import KafkaProxy
from segue.local.ports import LOOPBACK, free_ports
from tests.support.apache_kafka import SINGLE_NODE, running_kafka

# Clients reach the broker at the proxy's port, because that is the one the broker advertises.
_PROPERTIES = (
    SINGLE_NODE
    + """\
inter.broker.listener.name=DIRECT
listeners=PROXIED://127.0.0.1:{proxied},DIRECT://127.0.0.1:{direct},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PROXIED://127.0.0.1:{proxy},DIRECT://127.0.0.1:{direct}
listener.security.protocol.map=PROXIED:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT
"""
)


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
        yield ProxiedKafka(proxy, proxy.servers, direct_servers)
