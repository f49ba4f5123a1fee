"""docker-compose.yml without Docker: its services with their commands and variables, on this machine's own processes.

What only Docker has is put in its place: hosts become this machine, ports free ones, the images' entrypoints
processes, Postgres's address a socket.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, make_url, text

from batch.reconcile_stream import differences
from data.datasets.frames import clean
from data.datasets.synthetic import generate
from data.datasets.writers import write
from data.postgres import progress
from data.postgres.database import engine
from segue.local.ports import free_ports
from segue.local.processes import ChildProcess
from tests.support.apache_kafka import running_kafka
from tests.support.local_stack import wait_until
from tests.support.postgres import running_postgres
from tests.support.web import answers
from tests.support.yaml_files import parsed

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, dict[str, Any]] = parsed((ROOT / "docker-compose.yml").read_text())["services"]
WORKERS = 3
REAL, SHOP = "online_retail_II.parquet", "shop.parquet"
ENV_FILE = {
    "SEGUE_POSTGRES_PASSWORD": "the owner's",
    "SEGUE_WORKER_PASSWORD": "the worker's",
    "SEGUE_DASHBOARD_PASSWORD": "the dashboard's",
    "SEGUE_OPERATOR_PASSWORD": "the operator's",
    "SEGUE_WEBHOOKS_PASSWORD": "the webhooks'",
    "SEGUE_DRIFT_PASSWORD": "the observer's",
    "SEGUE_CLOCK_PASSWORD": "the clock's",
    "SEGUE_API_PASSWORD": "the API's",
    "SEGUE_DATASET_FILE": SHOP,
    "SEGUE_REPLAY_SPEED": "max",
}
# A command of docs/docker.md: in which service, and as a container of its own or in the one that runs.
_DOCUMENTED = re.compile(r"^docker compose (run --rm|exec) (?:--no-deps )?(\w+) (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*)|:\?[^}]*)?\}")


class Machine:
    """Processes on this machine in place of containers."""

    def __init__(self, folder: Path, postgres_socket: str) -> None:
        self.folder = folder
        inside, outside, controller, dashboard, web, api = free_ports(6)
        self.bootstrap = f"127.0.0.1:{outside}"
        self.dashboard = f"http://127.0.0.1:{dashboard}"
        self.api = f"http://127.0.0.1:{api}"
        self._web_port = str(web)
        self._places = {
            "kafka:19092": f"127.0.0.1:{inside}",
            "://:19092": f"://127.0.0.1:{inside}",
            "://:9092": f"://127.0.0.1:{outside}",
            "127.0.0.1:9092": self.bootstrap,
            "localhost:9093": f"127.0.0.1:{controller}",
            "/var/lib/kafka/data": str(folder / "kafka-log"),
            "@postgres:5432/segue": f"@/segue?host={postgres_socket}",
            "/datasets": str(folder),
            "8501": str(dashboard),
            "8600": str(api),
            "127.0.0.1:6066": f"127.0.0.1:{web}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is there to be replaced
        }
        self.bootstrap_inside = f"127.0.0.1:{inside}"

    def put(self, words: str) -> str:
        """A text of the Compose file with this machine's addresses."""
        words = _VARIABLE.sub(lambda match: ENV_FILE.get(match[1], match[2] or ""), words)
        for there, here in self._places.items():
            words = words.replace(there, here)
        return words

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a service."""
        return {key: self.put(str(value)) for key, value in SERVICES[name]["environment"].items()}

    def command(self, name: str, words: list[str] | None = None) -> list[str]:
        """The command of a service, or another one in its container, with the image's entrypoint."""
        arguments = [self.put(word) for word in SERVICES[name]["command"] if words is None]
        return [sys.executable, "-c", "from segue.cli import main; main()", *(words or arguments)]

    @property
    def _bare(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "SEGUE_STATE_DIR": str(self.folder / "no-stack"),
            "SEGUE_WEB_PORT": self._web_port,
        }

    def run(self, name: str, words: list[str] | None = None) -> str:
        """Run a service that ends by itself, or another command of its image; returns the standard output."""
        return self._run(name, self.command(name, words))

    def run_documented(self, how: str, name: str, line: str) -> str:
        """Run a command that the documentation has run in a service's container; returns the standard output."""
        # To follow means to wait forever.
        words = [self.put(word) for word in shlex.split(line) if word != "--follow"]
        if how == "exec" and words[0] == "python":
            return self._run(name, [sys.executable, *words[1:]])
        if how == "exec":
            assert words.pop(0) == "segue"
        return self.run(name, words)

    def _run(self, name: str, command: list[str]) -> str:
        done = subprocess.run(
            command,
            env=self._bare | self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, name: str, instance: int = 1) -> Iterator[ChildProcess]:
        """Start a service that runs until it is stopped."""
        log = self.folder / f"{name}-{instance}.log"
        variables = self._bare | self.environment(name)
        alone = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
        child = ChildProcess(name, [*alone, *self.command(name)], {}, log)
        child.start()
        try:
            yield child
        finally:
            child.stop()

    @contextmanager
    def kafka(self) -> Iterator[None]:
        """The broker; the image makes properties of its variables."""
        variables = {
            key.removeprefix("KAFKA_").lower().replace("_", "."): value
            for key, value in self.environment("kafka").items()
        }
        properties = "\n".join(f"{key}={value}" for key, value in variables.items())
        with running_kafka(self.folder, properties, self.bootstrap):
            yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose")


def test_the_services_of_the_compose_file_work_together_with_three_workers(shop: Path) -> None:
    raw = generate(customers=150, days=200, seed=3)
    write(raw, shop / ENV_FILE["SEGUE_DATASET_FILE"])
    with running_postgres(shop / "postgres") as url, ExitStack() as services:
        make_owner(url)
        machine = Machine(shop, str(make_url(url).query["host"]))
        services.enter_context(machine.kafka())
        machine.run("migrate")
        for number in range(WORKERS):
            services.enter_context(machine.running("worker", number))
        services.enter_context(machine.running("dashboard"))
        machine.run("fit")
        owner = machine.environment("migrate")["SEGUE_DATABASE_URL"]
        postgres = engine(owner)
        wait_until(lambda: len({row.owner for row in progress.partitions(postgres)}) == WORKERS)
        machine.run("replay")
        wait_until(lambda: not progress.unpublished(postgres))
        dataset = clean(raw, "shop")
        assert progress.totals(postgres).transactions == len(dataset.transactions)
        assert len(differences(owner, dataset)) == 0
        wait_until(lambda: answers(f"{machine.dashboard}/_stcore/health"))
        run_what_is_documented(machine)
        # The wall clock comes last: for it, all of these old customers have decayed long ago.
        services.enter_context(machine.running("clock"))
        services.enter_context(machine.running("api"))
        wait_until(lambda: answers(f"{machine.api}/readyz"))
        wait_until(lambda: progress.totals(postgres).changes.get("decay", 0) > 0 and ticked(postgres))
        key = machine.run("operator", ["keys", "create", "crm", "--read"]).strip()
        found = httpx.get(f"{machine.api}/v1/segments", headers={"X-Api-Key": key}, timeout=300)
        assert found.status_code == 200
        postgres.dispose()


def run_what_is_documented(machine: Machine) -> None:
    """Run every command that docs/docker.md runs in a container, as the user of that container."""
    found = _DOCUMENTED.findall((ROOT / "docs" / "docker.md").read_text())
    for how, name, words in found:
        machine.run_documented(how, name, words.replace(REAL, SHOP))
    ran = {words.split()[0] for _, _, words in found}
    assert {"status", "doctor", "changes", "reconcile", "keys", "webhooks", "drift"} <= ran


def ticked(postgres: Engine) -> bool:
    """Whether time has come to the year of the wall clock."""
    with postgres.connect() as connection:
        reached = progress.watermark(connection)
    return reached is not None and reached > datetime.now(UTC) - timedelta(days=1)


def make_owner(url: str) -> None:
    """The initialisation that the Postgres image does at its first start."""
    server = engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE ROLE segue SUPERUSER LOGIN"))
        connection.execute(text("CREATE DATABASE segue OWNER segue"))
    server.dispose()
