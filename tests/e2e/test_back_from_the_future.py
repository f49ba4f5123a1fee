"""The way back in docs/operations.md: a stream that a time of the future has aged is read again within the bounds."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from batch.reconcile_stream import differences
from data.contract.wire import Transaction
from data.datasets import frames, synthetic
from data.datasets.dataset import Dataset
from data.postgres import progress
from data.postgres.database import engine
from data.postgres.tables import customers, segment_changes, transactions
from producers.pace import Speed
from producers.replay import split, whole
from producers.replay_session import session
from runtime.settings import Settings
from segue.cli.app import app
from segue.local.broker_kind import BrokerKind
from segue.local.demo import wait_for_worker
from segue.local.processes import ChildProcess
from segue.local.stack import Stack
from tests.support.brokers import BOTH_BROKERS
from tests.support.generated_tables import a_model
from tests.support.local_stack import wait_until
from tests.support.postgres import new_database

MISTYPED = datetime(2109, 1, 5, 12, tzinfo=UTC)
HALFWAY = datetime(2010, 1, 1, tzinfo=UTC)
_BY_POSITION = ("position", "recorded_at", "created_at", "updated_at", "published")


@dataclass(frozen=True)
class Stream:
    """The settings of one stream on the stack's broker and Postgres, as an operator sets them."""

    folder: Path
    variables: dict[str, str]

    @property
    def settings(self) -> Settings:
        names = {name.removeprefix("SEGUE_").lower(): value for name, value in self.variables.items()}
        return Settings(state_dir=self.folder, **names)  # type: ignore[arg-type]

    @contextmanager
    def worker(self, **more: str) -> Iterator[None]:
        variables = self.variables | {"SEGUE_STATE_DIR": str(self.folder), "SEGUE_WEB_PORT": "0"} | more
        log_file = self.folder / f"{self.variables['SEGUE_CONSUMER_GROUP']}.log"
        worker = ChildProcess("worker", [sys.executable, "-m", "stream_app"], variables, log_file)
        worker.start()
        try:
            yield
        finally:
            worker.stop()

    def segue(self, *arguments: str) -> str:
        done = CliRunner(env=self.variables | {"SEGUE_STATE_DIR": str(self.folder)}).invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        with engine(self.settings.database).connect() as connection:
            return {
                table.name: [
                    {name: value for name, value in row._mapping.items() if name not in _BY_POSITION}
                    for row in connection.execute(select(table).order_by(*table.primary_key))
                ]
                for table in (customers, segment_changes, transactions)
            }


def stream(stack: Stack, url: str, group: str, log: str) -> Stream:
    topics = {f"SEGUE_{topic}_TOPIC": f"{group}.{topic}" for topic in ("CHANGES", "SEGMENTS", "DEAD_LETTERS", "DRIFT")}
    own = {"SEGUE_TRANSACTIONS_TOPIC": log, "SEGUE_CONSUMER_GROUP": group, "SEGUE_DATABASE_URL": url}
    return Stream(stack.state_dir, topics | own)


def replay(to: Stream, shop: Dataset, mistakes: bool) -> None:
    """Send a dataset; with mistakes, a purchase of 2109 and a tick of the same moment halfway through it."""
    with session(to.settings, max_lag=10_000) as replaying:
        wait_for_worker(replaying)
        for number, section in enumerate(split(whole(shop), shop, int(HALFWAY.timestamp() * 1_000_000))):
            replaying.run(shop, section, Speed.parse("max"), lambda _: None)
            if mistakes and number == 0:
                who = str(shop.transactions["customer_id"].iloc[0])
                wrong = Transaction("mistyped", who, MISTYPED, "sale", "10.00", "GBP", "France", [])
                replaying.writer.transaction(who.encode(), msgspec.json.encode(wrong))
                replaying.writer.tick(MISTYPED)


@pytest.mark.parametrize("broker", BOTH_BROKERS)
def test_a_stream_that_was_aged_is_read_again(broker: BrokerKind, tmp_path: Path) -> None:
    shop = frames.clean(synthetic.generate(customers=50, days=60, seed=3), "small")
    with Stack(tmp_path / "state", broker) as stack:
        server = Settings(state_dir=stack.state_dir).database
        with new_database(server) as old_url, new_database(server) as new_url, new_database(server) as clean_url:
            model = tmp_path / "first.json"
            model.write_bytes(msgspec.json.encode(a_model()))

            aged = stream(stack, old_url, "aged", "log")
            aged.segue("migrate")
            aged.segue("models", "import", str(model))
            with aged.worker(SEGUE_MAX_AHEAD="40000d"):
                replay(aged, shop, mistakes=True)
            assert progress.current_watermark(engine(old_url)) == MISTYPED
            assert len(differences(old_url, shop)) > 0

            # The steps of docs/operations.md; the workers have been stopped.
            first = tmp_path / "exported.json"
            aged.segue("models", "export", "champion", "--out", str(first))
            again = stream(stack, new_url, "again", "log")
            again.segue("migrate")
            again.segue("models", "import", str(first))
            with again.worker():
                wait_until(lambda: progress.totals(engine(new_url)).transactions == len(shop.transactions))
                wait_until(lambda: progress.current_watermark(engine(new_url)) == shop.report.last)
            refused = json.loads(again.segue("dlq", "list", "--json", "--reason", "SEGUE_MAX_AHEAD"))

            clean = stream(stack, clean_url, "clean", "clean-log")
            clean.segue("migrate")
            clean.segue("models", "import", str(first))
            with clean.worker():
                replay(clean, shop, mistakes=False)
            assert [row["waiting"] for row in refused["reasons"]] == [4, 1]
            assert again.rows() == clean.rows()
            assert len(differences(new_url, shop)) == 0
