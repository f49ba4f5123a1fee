"""The alerting rules, evaluated by Prometheus's own tool on the metrics of real partition tasks in trouble.

The metrics' clock runs 60 times as fast, so a scrape every quarter of a second is one every 15 seconds.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.clock.health import ClockHealth
from services.drift.metrics import DriftMetrics
from services.ingest.health import IngestHealth
from services.webhooks.health import WebhookHealth
from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.partition_status import LogEnd
from tests.support.builders import WebhookState
from tests.support.partition_tasks import PATIENCE, committed, wait_for
from tests.support.poisoned_partition import FAULTS, LOG, Worker, execute
from tests.support.promtool import (
    NEEDS_PROMTOOL,
    RULES,
    STEP_SECONDS,
    alerts,
    firing,
    promtool,
    scrape,
    together,
)

SPEED = 60
#: Metrics that Prometheus makes itself.
OWN = {"up"}


class FastClock:
    """A clock that is :data:`SPEED` times as fast."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return self._start + (time.monotonic() - self._start) * SPEED


def a_worker(database: str) -> Worker:
    return Worker(database, LOG, Metrics(FastClock()))


async def scrapes(worker: Worker, minutes: float) -> list[dict[str, float]]:
    """The metrics of a worker over some minutes of its clock."""
    found = []
    for _ in range(int(minutes * 60 / STEP_SECONDS) + 1):
        found.append(scrape(worker.metrics.registry))
        await asyncio.sleep(STEP_SECONDS / SPEED)
    return found


def watched(worker: Worker, work: Callable[[Worker], Awaitable[list[dict[str, float]]]]) -> list[dict[str, float]]:
    Health(worker.metrics)
    found: list[dict[str, float]] = []

    async def watch(_: Worker) -> None:
        found.extend(await work(worker))

    asyncio.run(worker.run(watch))
    return found


def fired(found: list[dict[str, float]], folder: Path) -> set[str]:
    """All alerts that fire at the end of some scrapes."""
    series = together(found)
    return {alert for alert in alerts() if firing(series, alert, folder)}


def test_every_metric_of_a_rule_exists_and_every_rule_is_documented() -> None:
    worker = Metrics()
    worker.assigned(0)
    families = (
        *worker.registry.collect(),
        *DriftMetrics().registry.collect(),
        *WebhookHealth(WebhookState()).collect(),
        *ClockHealth().registry.collect(),
        *IngestHealth().registry.collect(),
    )
    known = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    used = {name for expression in alerts().values() for name in re.findall(r"\b(?:segue_\w+|up\b)", expression)}
    assert used - known - OWN <= {"segue_log_faults_total"}
    page = (RULES.parents[1] / "docs" / "metrics.md").read_text()
    assert [alert for alert in alerts() if f"`{alert}`" not in page] == []


@NEEDS_PROMTOOL
def test_the_rules_are_valid() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))


@NEEDS_PROMTOOL
def test_no_alarm_fires_for_a_worker_that_commits_and_then_waits_for_records(database: str, tmp_path: Path) -> None:
    worker = a_worker(database)

    async def work(_: Worker) -> list[dict[str, float]]:
        await wait_for(lambda: committed(database)[0] == len(LOG))
        return await scrapes(worker, 7)

    assert fired(watched(worker, work), tmp_path) == set()


@NEEDS_PROMTOOL
def test_a_stuck_partition_raises_alarms_until_it_commits(database: str, tmp_path: Path) -> None:
    execute(database, "ALTER TABLE transactions RENAME TO elsewhere")
    worker = a_worker(database)
    repaired = []

    async def work(_: Worker) -> list[dict[str, float]]:
        await asyncio.wait_for(worker.task.claimed.wait(), PATIENCE)
        found = await scrapes(worker, 5)
        execute(database, "ALTER TABLE elsewhere RENAME TO transactions")
        await wait_for(lambda: committed(database)[0] == len(LOG))
        repaired.extend(await scrapes(worker, 2))
        return found

    found = watched(worker, work)
    assert fired(found, tmp_path) == {"SegueIsStuck", "SegueIsFailing", "SegueIsNotReady"}
    assert fired([*found, *repaired], tmp_path) == set()


@NEEDS_PROMTOOL
def test_a_record_that_is_set_aside_raises_an_alarm(database: str, tmp_path: Path) -> None:
    execute(database, FAULTS["a constraint"])
    worker = a_worker(database)

    async def work(_: Worker) -> list[dict[str, float]]:
        before = await scrapes(worker, 0.5)
        await wait_for(lambda: committed(database)[0] == len(LOG))
        return [*before, *await scrapes(worker, 2)]

    assert fired(watched(worker, work), tmp_path) == {"SegueSetsRecordsAside"}


@NEEDS_PROMTOOL
def test_changes_that_are_not_published_raise_an_alarm(database: str, tmp_path: Path) -> None:
    worker = a_worker(database)
    worker.topic.fails = 1_000_000

    async def work(_: Worker) -> list[dict[str, float]]:
        await wait_for(lambda: committed(database)[0] == len(LOG))
        return await scrapes(worker, 7)

    assert "SegueDoesNotPublish" in fired(watched(worker, work), tmp_path)


@NEEDS_PROMTOOL
def test_a_broker_that_falls_silent_raises_an_alarm(database: str, tmp_path: Path) -> None:
    worker = a_worker(database)

    async def work(_: Worker) -> list[dict[str, float]]:
        await wait_for(lambda: committed(database)[0] == len(LOG))
        silence = FastClock()
        silent_since = silence()
        worker.metrics.log_end = lambda _: LogEnd(len(LOG), silence() - silent_since)
        return await scrapes(worker, 5)

    assert fired(watched(worker, work), tmp_path) == {"SegueHearsNoBroker", "SegueIsNotReady"}


@NEEDS_PROMTOOL
@pytest.mark.parametrize(
    ("alert", "series", "values"),
    [
        ("SegueDoesNotAnswer", 'up{instance="worker",job="segue-worker"}', [1] * 4 + [0] * 6),
        ("SegueHasNoWorker", 'up{instance="another",job="another"}', [1] * 10),
        ("SegueHasALogFault", 'segue_log_faults_total{kind="truncated"}', [0, 0, 1, 1]),
        ("SegueHasDrifted", 'segue_drift_alarms{measure="psi"}', [0, 0, 1, 1]),
        ("SegueClockFails", "segue_clock_failing", [0, 0] + [1] * 10),
        ("SegueIngestFails", "segue_ingest_failing", [0, 0] + [1] * 10),
        ("SegueIngestMissesRecords", "segue_ingest_missed_records_total", [0, 0, 3, 3]),
        ("SegueWebhookGivesUp", "segue_webhook_given_up_total", [0, 0, 3, 3]),
    ],
)
def test_an_alarm_fires_by_what_other_processes_report(
    alert: str, series: str, values: list[float], tmp_path: Path
) -> None:
    assert firing({series: values}, alert, tmp_path)
    quiet = {series: values[:2], "segue_assigned_partitions": [1.0] * 2}
    assert not firing(quiet, alert, tmp_path)
