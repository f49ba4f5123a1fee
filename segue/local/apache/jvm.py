"""The Java command that runs Apache Kafka, with an archive of Kafka's classes that makes it start within two seconds.

Java can load classes from an archive that an earlier run of the same program has written (class data sharing). The
first start on a machine makes that archive, which takes about ten seconds; each later one saves more than half of
its time. Java ignores an archive that does not fit.
"""

import fcntl
import hashlib
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.private_files import open_private
from segue.local.apache.java import cache_folder, classpath, java, version_text
from segue.local.apache.node import Node

_LOG_CONFIGURATION = Path(__file__).with_name("log4j2.xml")
_JVM = [
    *("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"),
    # A local broker restarts often and shares few CPUs with the workers: the optimising compiler does not pay off.
    "-XX:TieredStopAtLevel=1",
    f"-Dlog4j2.configurationFile={_LOG_CONFIGURATION}",
]
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_CHECK_SECONDS = 0.1


def kafka_command() -> list[str]:
    """Return the command to which a main class of Kafka and its arguments are added.

    Raises
    ------
    JavaError
        If Java or Maven is missing or too old, or Maven finds no jars.
    """
    program = java()
    jars = classpath()
    arguments = [*_JVM, "-cp", jars]
    key = hashlib.sha256(f"{version_text(program)}\n{jars}".encode()).hexdigest()[:16]
    archive = cache_folder() / f"kafka-classes-{key}.jsa"
    with open_private(archive.with_suffix(".lock"), "a") as lock:
        # Two first starts at the same time make one archive.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _make(archive, program, arguments)
    # An empty file says that this Java makes no archive.
    shared = [f"-XX:SharedArchiveFile={archive}"] if archive.stat().st_size else []
    return [program, *shared, *arguments]


def _make(archive: Path, program: str, arguments: list[str]) -> None:
    """Run a broker that writes an archive of its classes when it stops."""
    with TemporaryDirectory(dir=archive.parent) as temporary:
        folder = Path(temporary)
        written, log_file = folder / archive.name, folder / "kafka.log"
        node = Node(1, folder, log_file, [program, *arguments])
        with suppress(RuntimeError):
            node.set_up(node.voter, 1, "AAAAAAAAAAAAAAAAAAAAAA")
            node = Node(1, folder, log_file, [program, f"-XX:ArchiveClassesAtExit={written}", *arguments])
            try:
                node.process.start()
                _wait(node)
            finally:
                node.process.stop(_STOP_SECONDS)
        written.touch(0o600)
        written.rename(archive)


def _wait(node: Node) -> None:
    """Wait until a broker answers, or has ended."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{node.client}", "log_level": 0})
    deadline = time.monotonic() + _START_SECONDS
    while node.process.exit_code is None and time.monotonic() < deadline:
        with suppress(KafkaException):
            admin.list_topics(timeout=1)
            return
        time.sleep(_CHECK_SECONDS)
