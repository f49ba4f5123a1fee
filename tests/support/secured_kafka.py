"""A real Apache Kafka with TLS and passwords."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segue.local.apache.java import java
from segue.local.ports import free_ports
from tests.support.apache_kafka import SINGLE_NODE, running_kafka

USER, PASSWORD = "segue", "open sesame"
# Users without any right but those that a test gives them in access control lists.
SHOP, CLOCK = "shop", "clock"
_ACCESS_CONTROL = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{user};User:ANONYMOUS
"""
_STORE_PASSWORD = "changeit"
_PROPERTIES = (
    SINGLE_NODE
    + """\
inter.broker.listener.name=INSIDE
listeners=LOCKED://127.0.0.1:{locked},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=LOCKED://127.0.0.1:{locked},INSIDE://127.0.0.1:{inside}
listener.security.protocol.map=LOCKED:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.locked.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.locked.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.locked.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
ssl.keystore.type=PKCS12
ssl.keystore.location={keystore}
ssl.keystore.password={store_password}
"""
)


@dataclass(frozen=True)
class SecuredKafka:
    """The address of the broker, and the certificate that clients must trust."""

    bootstrap_servers: str
    ca_file: Path


@contextmanager
def secured_kafka(folder: Path, *, access_control: bool = False) -> Iterator[SecuredKafka]:
    """A broker while the block runs; with access control :data:`USER` may do everything, and the others nothing."""
    locked, inside, controller = free_ports(3)
    keystore, ca_file = folder / "broker.p12", folder / "ca.pem"
    _make_certificate(keystore, ca_file)
    properties = _PROPERTIES.format(
        locked=locked,
        inside=inside,
        controller=controller,
        user=USER,
        password=PASSWORD,
        keystore=keystore,
        store_password=_STORE_PASSWORD,
        data=folder / "data",
    )
    if access_control:
        properties += _ACCESS_CONTROL.format(user=USER)
    scram = [f"--add-scram=SCRAM-SHA-512=[name={user},password={PASSWORD}]" for user in (USER, SHOP, CLOCK)]
    with running_kafka(folder, properties, f"127.0.0.1:{inside}", *scram):
        yield SecuredKafka(f"127.0.0.1:{locked}", ca_file)


def _make_certificate(keystore: Path, ca_file: Path) -> None:
    """A self-signed certificate, made by the tool that comes with Java."""
    keytool = str(Path(java()).resolve().with_name("keytool"))
    store = ["-keystore", str(keystore), "-storepass", _STORE_PASSWORD, "-alias", "kafka"]
    extensions = ["-ext", "san=ip:127.0.0.1", "-ext", "bc:c=ca:true", "-ext", "ku:c=digitalSignature,keyCertSign"]
    key = ["-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-validity", "30", "-storetype", "PKCS12"]
    subprocess.run([keytool, *key, "-dname", "CN=127.0.0.1", *extensions, *store], check=True, capture_output=True)
    subprocess.run([keytool, "-exportcert", "-rfc", "-file", str(ca_file), *store], check=True, capture_output=True)
