"""A partition that does not continue: `/readyz`, metrics, `segue status` and the Operations page report the same."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import text

from dashboard.operations import markup, queries
from data.contract.wire import Transaction
from data.kafka.partitioner import partition_of
from data.postgres import progress
from data.postgres.progress import STUCK_SECONDS
from segue.local.ports import free_ports
from tests.support.brokers import BOTH_BROKERS
from tests.support.builders import transaction
from tests.support.commands import tried
from tests.support.generated_tables import a_model
from tests.support.kafka_records import write
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.poisoned_records import FatedRecord
from tests.support.web import get

LOOKS = 30


@dataclass
class Stack:
    """A running stack, and the address of its worker."""

    run: Local
    web: str

    def send(self, *transactions: Transaction) -> None:
        partitions = self.run.replaying.identity.partitions
        records = [
            FatedRecord(
                partition_of(each.customer_id, partitions),
                each.customer_id.encode(),
                msgspec.json.encode(each),
                "applied",
            )
            for each in transactions
        ]
        write(self.run.settings.brokers, self.run.settings.transactions_topic, records)

    def segue(self, *arguments: str) -> tuple[int, str]:
        done = tried(self.run.stack.state_dir, *arguments)
        return done.returncode, done.stdout + done.stderr

    def ready(self) -> int:
        return get(f"{self.web}/readyz").status_code

    def metric(self, name: str) -> float:
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", get(f"{self.web}/metrics").text, re.MULTILINE)
        return max(map(float, found))

    def page(self) -> str:
        with self.run.postgres.connect() as connection:
            status = queries.status(connection)
        return markup.totals(status) + markup.partitions(status.partitions, status.model)

    def execute(self, statement: str) -> None:
        with self.run.postgres.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture(params=BOTH_BROKERS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    [port] = free_ports(1)
    with local(tmp_path, a_model(), {"SEGUE_WEB_PORT": str(port)}, request.param) as run:
        stack = Stack(run, f"http://127.0.0.1:{port}")
        stack.send(transaction(1, 0))
        wait_until(lambda: applied(run) == 1)
        wait_until(lambda: stack.ready() == 200)
        assert stack.segue("status")[0] == 0
        yield stack


def test_a_failing_partition_is_reported_all_the_time_by_all_four_until_it_commits(stack: Stack) -> None:
    stack.execute("ALTER TABLE transactions RENAME TO elsewhere")
    stack.send(transaction(2, 1))
    wait_until(lambda: stack.metric("segue_failures_in_a_row") >= 2)
    seen = []
    for _ in range(LOOKS):
        seen.append(stack.ready())
        time.sleep(0.2)
    assert seen == [503] * LOOKS
    assert stack.metric("segue_ready") == 0
    assert stack.metric("segue_commit_age_seconds") > LOOKS * 0.2
    code, shown = stack.segue("status")
    assert code == 1
    assert "times in a row: UndefinedTable" in " ".join(shown.split())
    page = stack.page()
    assert " data-failing" in page
    assert "UndefinedTable" in page
    stack.execute("ALTER TABLE elsewhere RENAME TO transactions")
    wait_until(lambda: applied(stack.run) == 2)
    wait_until(lambda: stack.ready() == 200)
    assert stack.metric("segue_failures_in_a_row") == 0
    assert stack.segue("status")[0] == 0
    assert "data-failing" not in stack.page()


def test_a_frozen_worker_is_reported_by_status(stack: Stack) -> None:
    os.kill(stack.run.worker.pid, signal.SIGSTOP)
    try:
        stack.send(transaction(2, 1))
        time.sleep(STUCK_SECONDS + 1)
        code, shown = stack.segue("status", "--json")
        assert code == 1
        found = json.loads(shown[: shown.rindex("}") + 1])
        assert [row["partition"] for row in found["partitions"] if row["stuck"]] == [
            partition_of("c", stack.run.replaying.identity.partitions)
        ]
        assert "frozen or gone" in found["problems"][0]
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"{stack.web}/readyz", timeout=1)
    finally:
        os.kill(stack.run.worker.pid, signal.SIGCONT)
    wait_until(lambda: applied(stack.run) == 2)
    assert {row.failures for row in progress.partitions(stack.run.postgres)} == {0}


def test_one_record_that_postgres_refuses_costs_the_stream_nothing_else(stack: Stack) -> None:
    stack.execute("ALTER TABLE customers ADD CONSTRAINT no_evil CHECK (customer_id <> 'evil')")
    others = [transaction(number, number, customer=f"c{number}") for number in range(2, 200)]
    stack.send(*others[:100], transaction(1_000, 3, customer="evil"), *others[100:])
    wait_until(lambda: applied(stack.run) == 1 + len(others))
    wait_until(lambda: progress.totals(stack.run.postgres).dead_letters == 1)
    assert "could not be applied: CheckViolation" in stack.segue("dlq", "list")[1]
    wait_until(lambda: stack.ready() == 200)
    assert stack.segue("status")[0] == 0
