"""The drift service waits out faults, and keeps its metrics up to date."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from data.datasets.steady import moment
from data.postgres import drift, model_registry
from models.drift.observation import Measurement, Observation
from models.units import to_micros
from runtime.brokers import Brokers
from services.drift.observer import StreamObserver
from services.drift.publishing import DriftPublisher
from services.drift.service import DriftService, rest_seconds
from tests.support.local_stack import wait_until
from tests.support.postgres import new_database, opened
from tests.support.steady_stream import go_on, model_of, shop, stream

# The injected drift begins later, so there is no alarm and no need for a broker.
END = moment(30)
GAUGES = {"segue_drift_value", "segue_drift_threshold", "segue_drift_alarm", "segue_drift_window_end_seconds"}


@pytest.fixture(scope="module")
def streamed(postgres_server: str, migrated: str) -> Iterator[str]:
    """The name of a database to copy: a stream with thirty days that have not been observed yet."""
    with new_database(postgres_server, migrated) as url:
        with stream(url, "returns", END) as postgres:
            go_on(postgres, shop("returns"), moment(0), END)
        yield str(make_url(url).database)


@pytest.fixture
def postgres(postgres_server: str, streamed: str) -> Iterator[Engine]:
    """A stream with thirty days that have not been observed yet."""
    with new_database(postgres_server, streamed) as url, opened(url) as postgres:
        yield postgres


@pytest.fixture
def dying(postgres: Engine) -> None:
    """Postgres ends the session of the first observation when it reads transactions of a time."""
    sessions: list[int] = []

    @event.listens_for(postgres, "before_cursor_execute")
    def end(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if not sessions and "FROM transactions" in statement and "occurred_at <" in statement:
            sessions.append(connection.connection.driver_connection.info.backend_pid)  # type: ignore[union-attr]
            with postgres.connect() as other:
                ended = text("SELECT pg_terminate_backend(:pid, 10000)")
                assert other.execute(ended, {"pid": sessions[0]}).scalar_one()


class FailingOnce(StreamObserver):
    """Loses its connection once, after it has stored everything."""

    failed = False

    def observe(self) -> int:
        windows = super().observe()
        if not self.failed:
            self.failed = True
            raise OperationalError("", {}, Exception("gone"))
        return windows


def service(postgres: Engine, observer: StreamObserver | None = None) -> DriftService:
    publisher = DriftPublisher(Brokers("nowhere:9092"), "drift")
    return DriftService(postgres, observer or StreamObserver(postgres), publisher)


def run(service: DriftService, runs: int, between: Callable[[int], None]) -> None:
    """Run the service for this many observations; ``between`` is called after each."""
    number = 0

    def sleep(seconds: float) -> None:
        nonlocal number
        number += 1
        between(number)
        if number == runs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.run(sleep)


@pytest.mark.usefixtures("dying")
def test_a_connection_lost_while_observing_is_reported_and_the_next_run_finds_everything(
    postgres: Engine,
) -> None:
    observer = StreamObserver(postgres)
    with pytest.raises(OperationalError):
        observer.observe()
    assert observer.observe() == 30


@pytest.mark.usefixtures("dying")
def test_the_service_waits_until_postgres_is_back(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda by: by)
    observer = service(postgres)
    troubles: list[str | None] = []
    run(observer, 2, lambda _: troubles.append(observer.health.trouble))
    assert troubles[0] is not None
    assert troubles[1] is None
    assert shown(observer)["segue_drift_windows_total", ""] == 30


def test_a_connection_that_can_not_release_the_lock_is_closed(postgres: Engine) -> None:
    refused: list[str] = []

    @event.listens_for(postgres, "before_cursor_execute", retval=True)
    def refuse(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        if "pg_advisory_unlock" in statement:
            refused.append(statement)
            return "SELECT no_such_function()", parameters
        return statement, parameters

    assert StreamObserver(postgres).observe() == 30
    assert len(refused) == 1
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7368807")

    def is_free() -> bool:
        with postgres.connect() as connection:
            return bool(connection.execute(held).scalar_one() == 0)

    # Postgres releases the lock a moment after the connection was closed.
    wait_until(is_free)


def test_a_new_process_shows_stored_results_before_another_day_closes(postgres: Engine) -> None:
    before, after = service(postgres), service(postgres)
    assert before.observe() == 30
    assert after.observe() == 0
    known = {sample: value for sample, value in shown(before).items() if sample[0] in GAUGES}
    assert {name for name, _ in known} == GAUGES
    assert known.items() <= shown(after).items()


def test_a_new_champion_replaces_the_last_one_in_the_metrics_at_once(postgres: Engine) -> None:
    observer = service(postgres)
    observer.observe()
    other = model_of("none")
    model_registry.register(postgres, other)
    observed = Observation(to_micros(END), [Measurement("returns", "", 0.5, 1)], [], None)
    with postgres.begin() as connection:
        model_registry.make_champion(connection, other.version)
        drift.save(connection, other.version, [observed])
    assert observer.observe() == 0
    values = {what: value for (name, what), value in shown(observer).items() if name == "segue_drift_value"}
    assert values == {"returns": 0.5}


def test_windows_that_a_failed_run_has_stored_are_shown_by_the_next(postgres: Engine) -> None:
    observer = service(postgres, FailingOnce(postgres))
    with pytest.raises(OperationalError):
        observer.observe()
    assert observer.observe() == 0
    assert shown(observer)["segue_drift_window_end_seconds", ""] == END.timestamp()


def shown(observer: DriftService) -> dict[tuple[str, str], float]:
    """Return the page of metrics by sample name and measure."""
    families = text_string_to_metric_families(observer.health.metrics().body.decode())
    return {
        (sample.name, sample.labels.get("measure", "") + sample.labels.get("name", "")): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(("busy", "rests"), [(0.0, 2.0), (0.1, 2.0), (1.0, 9.0), (100.0, 30.0)])
def test_a_long_run_is_followed_by_a_longer_rest_within_bounds(busy: float, rests: float) -> None:
    assert rest_seconds(busy) == rests
