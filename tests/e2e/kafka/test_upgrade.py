"""Workers of an earlier schema version run beside those of this one, and back: the result is the same.

The tables are those of this version, as ``segue migrate`` comes first in an upgrade. The log has everything that the
earlier version knows: transactions, ticks, revisions, an erasure, a model, and a record that can't be decoded.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import Table, delete, insert, select

from data.contract.wire import Transaction
from data.datasets.dataset import Dataset
from data.postgres import model_registry, progress, roles
from data.postgres.schema_versions import SCHEMA_VERSION
from data.postgres.tables import (
    customers,
    dead_letters,
    erasures,
    model_activations,
    model_reigns,
    models,
    risk_changes,
    risk_states,
    segment_changes,
    stream_progress,
    transactions,
)
from models.units import from_micros
from producers.pace import Speed
from producers.replay import Section, occurred_at, split, whole
from segue.local.broker_kind import BrokerKind
from segue.local.processes import ChildProcess
from segue.local.soak.outcome import Events, latest, subscribed
from services import change_stream
from tests.support import old_workers
from tests.support.builders import recency_model
from tests.support.local_stack import Local, local, wait_until
from tests.support.retail import small

pytestmark = pytest.mark.kafka

T = TypeVar("T")
VERSIONS = old_workers.versions()
MODEL, LATER_MODEL = recency_model(), recency_model(away=30, lost=90)
STAGES = 6
# Small batches and a pace make every stage last for some seconds, so that workers come and go in the middle of it.
SMALL_BATCHES = {"SEGUE_BATCH_SIZE": "20"}
PACE = "60d/s"

#: Columns that depend on when and by whom something was done; positions depend on how records were batched.
UNEQUAL = {
    "position", "epoch", "owner", "committed_at", "schema_version", "log_id", "last_timestamp", "last_checksum",
    "at", "activated_at", "erased_at", "hash", "published_position",
}  # fmt: skip
STORED = (
    customers, transactions, segment_changes, stream_progress, dead_letters, erasures, model_activations, model_reigns,
    risk_states, risk_changes,
)  # fmt: skip


@dataclass
class Left:
    """What a run leaves behind: rows by table, changes by customer in the change topic, and latest states."""

    rows: dict[str, list[dict[str, Any]]]
    changes: Events
    states: dict[str, dict[str, Any]]
    gaps: int


@dataclass
class Story:
    """A stream that is sent stage by stage. ``forgotten`` is the customer whom it erases."""

    dataset: Dataset
    forgotten: str

    def stages(self) -> Iterator[Section]:
        """The sections of the dataset, of equal lengths of event time."""
        left = whole(self.dataset)
        length = (left.event_end - left.event_start) // STAGES
        for _ in range(STAGES - 1):
            stage, left = split(left, self.dataset, left.event_start + length)
            yield stage
        yield left

    def send(self, run: Local, number: int, section: Section, speed: str) -> None:
        """Send a stage, and wait until it has been applied."""
        if number == 2:
            self._send_all_kinds(run)
        run.replaying.replay(self.dataset, lambda _: None).run(section, Speed.parse(speed))

    def _send_all_kinds(self, run: Local) -> None:
        writer = run.replaying.writer
        first, second = self._edited(0, revision=1, amount="1.5"), self._edited(1, revision=3, kind="cancelled")
        for edited in (first, second, self._edited(1, revision=2), self._edited(2, revision=1, kind="return")):
            writer.transaction(edited.customer_id.encode(), msgspec.json.encode(edited))
        writer.transaction(b"nobody", b"no transaction")
        writer.erase(self.forgotten)
        writer.activate(LATER_MODEL)
        assert writer.flush(60) == 0

    def _edited(self, number: int, **fields: Any) -> Transaction:
        row = self.dataset.transactions.iloc[number]
        at = from_micros(int(occurred_at(self.dataset)[number]))
        order = Transaction(
            str(row["transaction_id"]), str(row["customer_id"]), at, row["kind"], "10", "GBP", str(row["country"]), []
        )
        return msgspec.structs.replace(order, **fields)


class Stages:
    """Sends a story stage by stage, and has something happen in the middle of each."""

    def __init__(self, run: Local, story: Story) -> None:
        self._run = run
        self._story = story
        self._left = enumerate(story.stages())

    def during(self, move: Callable[[], T]) -> T:
        """Send the next stage, call ``move`` meanwhile, and wait until the stage has been applied."""
        before = progress.totals(self._run.postgres).transactions
        number, section = next(self._left)
        sending = Thread(target=self._story.send, args=(self._run, number, section, PACE))
        sending.start()
        wait_until(lambda: progress.totals(self._run.postgres).transactions > before)
        result = move()
        sending.join()
        return result


@pytest.fixture(scope="module")
def story() -> Story:
    counts = small().transactions["customer_id"].value_counts()
    return Story(small(), str(counts.index[3]))


@pytest.fixture(scope="module")
def undisturbed(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What one worker of this version leaves."""
    with _stack(tmp_path_factory.mktemp("undisturbed"), {}, "embedded") as run:
        for number, section in enumerate(story.stages()):
            story.send(run, number, section, "max")
        return _left(run, story.forgotten)


@pytest.mark.parametrize(("first", "returning"), [VERSIONS, VERSIONS[::-1]])
def test_workers_of_the_two_earlier_versions_come_and_go_without_a_difference(
    first: int, returning: int, story: Story, undisturbed: Left, tmp_path: Path
) -> None:
    before, back = (old_workers.environment(version) | SMALL_BATCHES for version in (first, returning))
    with _stack(tmp_path, before, "apache") as run:
        stages = Stages(run, story)
        # Nothing is new yet but the tables.
        wait_until(lambda: _versions(run) == {old_workers.announced(first)})
        new = stages.during(lambda: run.stack.start_worker(SMALL_BATCHES))
        wait_until(lambda: _versions(run) == {old_workers.announced(first), SCHEMA_VERSION})
        # Side by side, and one of them is killed and started again.
        stages.during(lambda: os.kill(run.worker.pid, signal.SIGKILL))
        # The new one alone, and back.
        stages.during(lambda: run.stack.dismiss(run.worker))
        assert _versions(run) == {SCHEMA_VERSION}
        # The stack would give it the name of the new one, which still runs.
        returned = stages.during(lambda: run.stack.start_worker(back | {"SEGUE_WORKER_ID": "returned"}))
        wait_until(lambda: _versions(run) == {old_workers.announced(returning), SCHEMA_VERSION})
        stages.during(lambda: _kill_for_good(run, new))
        wait_until(lambda: _versions(run) == {old_workers.announced(returning)})
        # From here on the old one is too old: it is fenced, and its records wait for a new one.
        _make_too_old(run)
        wait_until(lambda: "upgrade the worker" in returned.log_file.read_text())
        run.stack.start_worker(SMALL_BATCHES)
        run.stack.dismiss(returned)
        stages.during(lambda: None)
        assert _versions(run) == {SCHEMA_VERSION}
        left = _left(run, story.forgotten)
    for name, rows in undisturbed.rows.items():
        assert left.rows[name] == rows, name
    assert (left.changes, left.states, left.gaps) == (undisturbed.changes, undisturbed.states, 0)


def test_every_table_that_workers_write_is_compared() -> None:
    written = {name for name, rights in roles.WORKER_RIGHTS.items() if rights != "SELECT"}
    # The test registers models itself; the currency is a setting, and a fault of the log is another story.
    assert {table.name for table in STORED} == written - {"models", "stream_currency", "log_faults"}


def _make_too_old(run: Local) -> None:
    """Register a model with a window, as a fit of this version does."""
    with run.postgres.begin() as connection:
        connection.execute(insert(models).values(version="windowed", spec={"window_days": 30}))
        connection.execute(delete(models).where(models.c.version == "windowed"))


def _kill_for_good(run: Local, worker: ChildProcess) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    run.stack.dismiss(worker)


@contextmanager
def _stack(folder: Path, environment: dict[str, str], broker: BrokerKind) -> Iterator[Local]:
    with local(folder, MODEL, environment, broker) as run:
        model_registry.register(run.postgres, LATER_MODEL)
        yield run


def _versions(run: Local) -> set[int]:
    """The schema versions of the workers that hold partitions."""
    with run.postgres.connect() as connection:
        return set(connection.execute(select(stream_progress.c.schema_version)).scalars())


def _left(run: Local, forgotten: str) -> Left:
    wait_until(lambda: not progress.unpublished(run.postgres))
    history = subscribed(change_stream.topic(run.settings, follow=False))
    # When the relay publishes decides which changes of a forgotten customer still came into the topic.
    changes = {customer: own for customer, own in history.changes.items() if customer != forgotten}
    states = latest(change_stream.states(run.settings))
    return Left({table.name: _rows(run, table) for table in STORED}, changes, states, history.gaps)


def _rows(run: Local, table: Table) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name not in UNEQUAL]
    keys = [column for column in table.primary_key if column.name not in UNEQUAL]
    with run.postgres.connect() as connection:
        return [dict(row) for row in connection.execute(select(*columns).order_by(*keys)).mappings()]
