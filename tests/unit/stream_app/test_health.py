"""A worker reports whether it is alive and makes progress, at an address of its own."""

import asyncio
import contextlib
import time
from dataclasses import replace

import httpx
import pytest

from data.postgres.progress import STUCK_SECONDS
from runtime.errors import SegueError
from runtime.health import WebServer
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import LONG_AGO, Profiles, SegmentChanges, SegmentNames
from stream_app.health import HUNG_SECONDS, Health
from stream_app.metrics import Metrics
from stream_app.partition_life import Event, State, Transition
from stream_app.partition_status import LogEnd
from tests.support.builders import recency_model
from tests.support.committed_changes import risk_change
from tests.support.web import get

PROGRESS = PartitionProgress(0, "log", 10, 1, LONG_AGO, "model", LONG_AGO, 7, 5)


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    """The metrics of a worker that has one partition and has read all of it."""
    metrics = Metrics(clock)
    metrics.joined = True
    metrics.log_end = lambda _: LogEnd(10, 0.0)
    metrics.assigned(0)
    claim(metrics)
    return metrics


def claim(metrics: Metrics, progress: PartitionProgress = PROGRESS) -> None:
    """A partition is claimed, and its records are applied."""
    metrics.partitions[progress.partition].enter(State.RUNNING)
    metrics.claimed(progress)


def reasons(metrics: Metrics) -> str:
    answer = Health(metrics).ready()
    assert (answer.status == 200) == (b'"ready":true' in answer.body)
    return httpx.Response(200, content=answer.body).json()["reasons"] and answer.body.decode()


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"partition": "0"})


def age_last_commit(metrics: Metrics, seconds: float) -> None:
    metrics.partitions[0].committed_at -= seconds


def test_a_worker_without_lag_is_ready_however_long_ago_its_last_commit_was(metrics: Metrics) -> None:
    age_last_commit(metrics, 3_600)
    assert not reasons(metrics)


def test_a_worker_is_not_ready_before_it_has_joined_the_group() -> None:
    assert "not joined the consumer group yet" in reasons(Metrics())


def test_a_worker_without_partitions_is_ready(metrics: Metrics) -> None:
    metrics.released(0)
    assert not reasons(metrics)


def test_a_worker_with_an_unclaimed_partition_is_not_ready(metrics: Metrics) -> None:
    metrics.assigned(1)
    assert "partition 1 has not been claimed" in reasons(metrics)
    claim(metrics, replace(PROGRESS, partition=1))
    assert not reasons(metrics)
    metrics.partitions[1].enter(State.FENCED)
    assert "partition 1 has not been claimed" in reasons(metrics)


def test_what_a_partition_task_reports_after_its_end_does_not_concern_the_next_one(metrics: Metrics) -> None:
    metrics.moved(0, Transition(State.ENDED, Event.FAILED, State.ENDED))
    assert not reasons(metrics)
    metrics.moved(0, Transition(State.RUNNING, Event.FENCED, State.FENCED))
    assert "partition 0 has not been claimed" in reasons(metrics)


def test_a_worker_with_lag_is_ready_as_long_as_it_commits(metrics: Metrics) -> None:
    metrics.log_end = lambda _: LogEnd(1_000, 0.0)
    age_last_commit(metrics, STUCK_SECONDS - 1)
    assert not reasons(metrics)
    age_last_commit(metrics, 2)
    assert "partition 0 is 990 records behind and has committed nothing for 16 s" in reasons(metrics)


def failed_after_a_claim(metrics: Metrics, failures: int) -> None:
    """The partition task fails this many times in a row, and continues with its claim after each failure."""
    for number in range(1, failures + 1):
        metrics.failed(0, ConnectionError("hush"), number)
        metrics.claimed(PROGRESS)


def commit(metrics: Metrics) -> None:
    names = SegmentNames(recency_model())
    nothing = AppliedBatch([], Profiles.new([]), SegmentChanges.empty(), names, [], 0, 0, LONG_AGO)
    metrics.committed_without_records(PROGRESS, nothing)


def test_a_worker_is_not_ready_from_the_second_failure_in_a_row_until_the_next_commit(metrics: Metrics) -> None:
    failed_after_a_claim(metrics, 1)
    assert not reasons(metrics)
    failed_after_a_claim(metrics, 2)
    assert all("has failed 2 times in a row (ConnectionError)" in reasons(metrics) for _ in range(30))
    assert value(metrics, "segue_failures_in_a_row") == 2
    commit(metrics)
    assert not reasons(metrics)
    assert value(metrics, "segue_failures_in_a_row") == 0


def test_no_claim_and_no_retry_makes_the_last_commit_younger(metrics: Metrics) -> None:
    metrics.log_end = lambda _: LogEnd(1_000, 0.0)
    age_last_commit(metrics, 100)
    failed_after_a_claim(metrics, 1)
    assert (value(metrics, "segue_commit_age_seconds") or 0) >= 100
    assert "has committed nothing for 100 s" in reasons(metrics)
    metrics.partitions[0].enter(State.FENCED)
    claim(metrics)
    assert "has committed nothing for 100 s" in reasons(metrics)
    metrics.assigned(0)
    metrics.inherited(0, 250.0, 7, "DiskFull: no space")
    claim(metrics)
    assert (value(metrics, "segue_commit_age_seconds") or 0) >= 250
    assert "has failed 7 times in a row (DiskFull)" in reasons(metrics)
    commit(metrics)
    assert not reasons(metrics)


def test_a_partition_that_was_just_claimed_gets_time_until_the_broker_answers(metrics: Metrics, clock: Clock) -> None:
    metrics.log_end = lambda _: LogEnd(None, None)
    age_last_commit(metrics, 3_600)
    assert not reasons(metrics)
    metrics.partitions[0].claimed_at = clock.seconds - STUCK_SECONDS - 1
    assert "has received no answer from the broker" in reasons(metrics)


def test_a_worker_is_not_ready_while_postgres_is_behind_the_change_topic(metrics: Metrics) -> None:
    metrics.ahead_of_postgres(0, 12)
    assert "the change topic has 12 changes that Postgres does not have" in reasons(metrics)
    assert value(metrics, "segue_changes_ahead_of_postgres") == 12
    metrics.ahead_of_postgres(0, 0)
    assert not reasons(metrics)


def test_a_worker_is_not_ready_while_postgres_is_behind_the_topic_of_risk_changes(metrics: Metrics) -> None:
    metrics.risk.ahead_of_postgres(0, 12)
    assert "the topic of risk changes has 12 that Postgres does not have" in reasons(metrics)
    assert value(metrics, "segue_risk_changes_ahead_of_postgres") == 12
    metrics.risk.ahead_of_postgres(0, 0)
    assert not reasons(metrics)


def test_a_partition_without_risk_changes_has_no_samples_of_them(metrics: Metrics) -> None:
    assert value(metrics, "segue_unpublished_risk_changes") is None
    assert value(metrics, "segue_risk_changes_ahead_of_postgres") is None


def test_unpublished_risk_changes_are_those_between_both_positions(metrics: Metrics) -> None:
    metrics.claimed(replace(PROGRESS, risk_position=9, risk_published_position=4))
    assert value(metrics, "segue_unpublished_risk_changes") == 5
    metrics.risk.published(0, 7)
    assert value(metrics, "segue_unpublished_risk_changes") == 2
    # Postgres was set back.
    metrics.claimed(replace(PROGRESS, risk_position=6, risk_published_position=3))
    assert value(metrics, "segue_unpublished_risk_changes") == 3


def test_risk_changes_are_counted_by_cause(metrics: Metrics) -> None:
    metrics.risk.committed([risk_change("a", 1), risk_change("a", 2), risk_change("b", 1)._replace(cause="model")])
    counts = {
        cause: metrics.registry.get_sample_value("segue_risk_changes_total", {"cause": cause})
        for cause in ("silence", "model")
    }
    assert counts == {"silence": 2, "model": 1}


def test_unpublished_changes_are_never_negative_when_postgres_was_set_back(metrics: Metrics) -> None:
    metrics.published(0, 7)
    metrics.claimed(replace(PROGRESS, change_position=3, published_position=2))
    assert value(metrics, "segue_unpublished_changes") == 1


def test_a_partition_that_recovers_from_a_fault_of_the_log_is_not_ready(metrics: Metrics, clock: Clock) -> None:
    metrics.log_fault(0, "truncated", "the log has lost records", caught_up_offset=20)
    assert "partition 0 recovers from a fault of the log: the log has lost records" in reasons(metrics)
    assert metrics.registry.get_sample_value("segue_log_faults_total", {"kind": "truncated"}) == 1
    clock.seconds += 31
    metrics.partitions[0].committed_at = clock.seconds
    assert "the log has lost records" in reasons(metrics)
    metrics.claimed(replace(PROGRESS, next_offset=20))
    assert not reasons(metrics)


def test_a_caught_up_partition_reports_its_log_fault_long_enough_for_a_probe(metrics: Metrics) -> None:
    metrics.log_fault(0, "deleted", "records were deleted", caught_up_offset=0)
    assert "records were deleted" in reasons(metrics)


def test_the_message_of_an_own_error_is_a_reason(metrics: Metrics) -> None:
    metrics.failed(0, SegueError("the topic was created again with 6 partitions"), 2)
    assert "the topic was created again with 6 partitions" in reasons(metrics)


def test_a_worker_is_not_ready_when_the_broker_does_not_answer(metrics: Metrics) -> None:
    metrics.log_end = lambda _: LogEnd(10, STUCK_SECONDS + 1)
    assert not reasons(metrics)
    age_last_commit(metrics, STUCK_SECONDS + 1)
    assert "partition 0 has received no answer from the broker" in reasons(metrics)


def test_gauges_show_the_current_lag_and_outbox(metrics: Metrics) -> None:
    metrics.log_end = lambda _: LogEnd(25, 0.5)
    assert value(metrics, "segue_partition_lag_records") == 15
    assert value(metrics, "segue_unpublished_changes") == 2
    assert value(metrics, "segue_fetch_age_seconds") == 0.5
    assert value(metrics, "segue_event_time_lag_seconds") is None
    metrics.published(0, 7)
    assert value(metrics, "segue_unpublished_changes") == 0
    before = time.time()
    metrics.claimed(replace(PROGRESS, watermark=int((before - 60) * 1e6)))
    lag = value(metrics, "segue_event_time_lag_seconds")
    assert lag is not None
    assert 59.9 < lag < 60.1 + time.time() - before
    metrics.released(0)
    assert value(metrics, "segue_partition_lag_records") is None


def test_a_process_whose_event_loop_hangs_is_not_alive(metrics: Metrics, clock: Clock) -> None:
    health = Health(metrics, clock)
    assert health.alive().status == 200

    async def beat_once() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(health.beat(), 0.01)

    asyncio.run(beat_once())
    assert health.alive().status == 200
    clock.seconds += HUNG_SECONDS + 1
    assert health.alive().status == 503


def test_two_workers_on_one_machine_get_different_addresses(metrics: Metrics) -> None:
    first = WebServer(Health(metrics)).start("127.0.0.1", 26_066)
    second = WebServer(Health(Metrics())).start("127.0.0.1", 26_066)
    assert first is not None
    assert second is not None
    assert first != second
    assert get(f"{first}/readyz").status_code == 200
    assert get(f"{second}/readyz?verbose").status_code == 503
    assert get(f"{second}/healthz").json() == {"alive": True}
    assert "segue_records_total 0.0" in get(f"{first}/metrics").text
    assert get(f"{first}/").status_code == 404


def test_a_worker_runs_without_health_pages_when_the_interface_does_not_exist(metrics: Metrics) -> None:
    assert WebServer(Health(metrics)).start("192.0.2.1", 26_066) is None
