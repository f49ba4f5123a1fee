"""The observer's results depend on what was committed, not on when it runs, how often it dies, or other observers."""

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url, select, text

from batch.backtest import backtest
from data.datasets.steady import Injection, moment
from data.postgres import model_registry
from data.postgres.tables import drift_alarms, drift_observations, model_aliases
from models.units import from_micros
from services.drift.observer import StreamObserver
from tests.support.postgres import new_database, opened
from tests.support.steady_stream import go_on, model_of, shop, stream

DAY = timedelta(days=1)
END = moment(110)
INJECTION: Injection = "returns"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def begun(postgres_server: str, migrated: str) -> Iterator[str]:
    """The name of a database to copy: a stream whose watermark is the end of the model's training."""
    with new_database(postgres_server, migrated) as url:
        with stream(url, INJECTION, END):
            pass
        yield str(make_url(url).database)


@pytest.fixture(scope="module")
def complete(postgres_server: str, begun: str) -> Iterator[str]:
    """The name of a database to copy: the whole stream, before anything is observed."""
    with new_database(postgres_server, begun) as url:
        with opened(url) as postgres:
            go_on(postgres, shop(INJECTION), moment(0), END)
        yield str(make_url(url).database)


@pytest.fixture
def postgres(postgres_server: str, begun: str) -> Iterator[Engine]:
    """A stream whose watermark is the end of the model's training."""
    with new_database(postgres_server, begun) as url, opened(url) as postgres:
        yield postgres


@pytest.fixture
def streamed(postgres_server: str, complete: str) -> Iterator[Engine]:
    """The whole stream, before anything is observed."""
    with new_database(postgres_server, complete) as url, opened(url) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def expected(postgres_server: str, complete: str) -> dict[str, Rows]:
    """What observing the whole stream once finds."""
    with new_database(postgres_server, complete) as url, opened(url) as postgres:
        assert StreamObserver(postgres).observe() == 110
        return found(postgres)


def found(postgres: Engine) -> dict[str, Rows]:
    """Return everything that an observer has written, except the times of writing."""
    with postgres.connect() as connection:
        tables = {
            table.name: connection.execute(select(table)).mappings().all()
            for table in (drift_observations, drift_alarms, model_aliases)
        }
        tables["models"] = connection.execute(text("SELECT version, spec FROM models")).mappings().all()
    return {name: sorted(map(dict, rows), key=str) for name, rows in tables.items()}


def step_by_step(postgres: Engine, days: int) -> Iterator[datetime]:
    """Advance the stream by this many days and a few hours at a time."""
    reached = moment(0)
    while reached < END:
        stop = min(reached + days * DAY + timedelta(hours=5), END)
        go_on(postgres, shop(INJECTION), reached, stop)
        reached = stop
        yield reached


def test_it_finds_what_a_backtest_of_the_same_transactions_finds(expected: dict[str, Rows]) -> None:
    rows = {(row["window_end"], row["measure"], row["name"]): row["value"] for row in expected["drift_observations"]}
    by_backtest = {
        (from_micros(window.end), each.measure, each.name): each.value
        for window in backtest(model_of(INJECTION), shop(INJECTION), moment(0))
        if from_micros(window.end) <= END
        for each in window.measurements
    }
    assert rows == by_backtest


@pytest.mark.parametrize("days", [2, 9, 61])
def test_observing_often_or_seldom_makes_no_difference(postgres: Engine, expected: dict[str, Rows], days: int) -> None:
    observer = StreamObserver(postgres)
    assert sum(observer.observe() for _ in step_by_step(postgres, days)) == 110
    assert found(postgres) == expected


def test_restarting_makes_no_difference(postgres: Engine, expected: dict[str, Rows]) -> None:
    assert sum(StreamObserver(postgres).observe() for _ in step_by_step(postgres, 23)) == 110
    assert StreamObserver(postgres).observe() == 0
    assert found(postgres) == expected


def test_dying_before_anything_is_stored_makes_no_difference(streamed: Engine, expected: dict[str, Rows]) -> None:
    attempts = itertools.count(1)

    @event.listens_for(streamed, "before_cursor_execute")
    def die(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO drift_observations") and next(attempts) % 3 == 2:
            raise KeyboardInterrupt

    observer, deaths = StreamObserver(streamed), 0
    while True:
        try:
            observer.observe()
        except KeyboardInterrupt:
            deaths += 1
            # Every second attempt is made by the same process.
            observer = StreamObserver(streamed) if deaths % 2 else observer
        else:
            break
    assert deaths >= 2
    assert found(streamed) == expected


def test_two_observers_take_turns(postgres: Engine, expected: dict[str, Rows]) -> None:
    observers = StreamObserver(postgres), StreamObserver(postgres)
    for number, _ in enumerate(step_by_step(postgres, 31)):
        observers[number % 2].observe()
    for observer in observers:
        observer.observe()
    assert found(postgres) == expected


def test_a_second_observer_waits_while_the_first_observes(streamed: Engine) -> None:
    with streamed.connect() as other:
        assert other.execute(text("SELECT pg_try_advisory_lock(7368807)")).scalar_one()
        assert StreamObserver(streamed).observe() == 0
        other.execute(text("SELECT pg_advisory_unlock(7368807)"))
    assert StreamObserver(streamed).observe() == 110


def test_a_window_waits_for_the_slowest_partition(postgres: Engine) -> None:
    go_on(postgres, shop(INJECTION), moment(0), moment(50))
    with postgres.begin() as connection:
        slow = {"at": moment(20) + timedelta(hours=23)}
        connection.execute(text("UPDATE stream_progress SET event_time = :at WHERE partition = 1"), slow)
    assert StreamObserver(postgres).observe() == 20
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = NULL WHERE partition = 1"))
    assert StreamObserver(postgres).observe() == 0


def test_drift_leads_to_one_proposal_with_the_champions_names(expected: dict[str, Rows]) -> None:
    pointing = {row["alias"]: row["version"] for row in expected["model_aliases"]}
    specs = {row["version"]: row["spec"] for row in expected["models"]}
    assert pointing["champion"] == model_of(INJECTION).version
    proposed = specs[pointing["proposed"]]
    alarms = {row["id"] for row in expected["drift_alarms"]}
    assert set(proposed["metadata"]["because"]) <= alarms
    assert proposed["metadata"]["named_after"] == pointing["champion"]
    assert specs[pointing["challenger"]]["metadata"]["origin"] == "shadow"


def test_with_refits_off_nothing_is_proposed(streamed: Engine, expected: dict[str, Rows]) -> None:
    StreamObserver(streamed, refits=False).observe()
    assert found(streamed)["drift_alarms"] == expected["drift_alarms"]
    with streamed.connect() as connection:
        assert "proposed" not in model_registry.aliases(connection)


def test_a_proposal_is_activated_if_promotion_is_on(streamed: Engine) -> None:
    promoted: list[str] = []
    StreamObserver(streamed, promote=lambda model: promoted.append(model.version)).observe()
    with streamed.connect() as connection:
        assert promoted[-1] == model_registry.aliases(connection)["proposed"]


@pytest.mark.parametrize(("trained", "again"), [(30, True), (40, False)])
def test_28_days_pass_between_an_active_refit_and_the_next_one(streamed: Engine, trained: int, again: bool) -> None:
    """Both models raise the return wave of day 40 about day 65."""
    metadata = {"origin": "refit", "cutoff": moment(trained).isoformat()}
    with streamed.begin() as connection:
        connection.execute(
            text("UPDATE models SET spec = jsonb_set(spec, '{metadata}', spec->'metadata' || CAST(:more AS jsonb))"),
            {"more": json.dumps(metadata)},
        )
    StreamObserver(streamed).observe()
    assert len(found(streamed)["drift_alarms"]) == 1
    with streamed.connect() as connection:
        assert ("proposed" in model_registry.aliases(connection)) == again


def test_a_challenger_fitted_by_hand_keeps_its_alias(postgres: Engine) -> None:
    fitted = model_of("none")
    assert model_registry.register(postgres, fitted) == "challenger"
    go_on(postgres, shop(INJECTION), moment(0), moment(60))
    StreamObserver(postgres).observe()
    with postgres.connect() as connection:
        assert model_registry.aliases(connection)["challenger"] == fitted.version


def test_each_model_is_observed_for_its_own_period_however_late(postgres: Engine) -> None:
    """One becomes active on day 70, at another hour in each partition, long before it is observed."""
    first, second = model_of(INJECTION), model_of("none")
    model_registry.register(postgres, second)
    go_on(postgres, shop(INJECTION), moment(0), moment(100))
    with postgres.begin() as connection:
        for partition, hour in ((0, 3), (1, 30)):
            at = {"at": moment(70) + timedelta(hours=hour), "partition": partition}
            connection.execute(
                text(
                    "INSERT INTO model_reigns (partition, until, model_version, since) "
                    "SELECT partition, :at, model_version, model_since FROM stream_progress "
                    "WHERE partition = :partition"
                ),
                at,
            )
            connection.execute(
                text(
                    "UPDATE stream_progress SET model_version = :version, model_since = :at "
                    "WHERE partition = :partition"
                ),
                at | {"version": second.version},
            )
    assert StreamObserver(postgres).observe() == 70 + 29
    windows: dict[str, set[datetime]] = {}
    for row in found(postgres)["drift_observations"]:
        windows.setdefault(row["model_version"], set()).add(row["window_end"])
    # The day on which partitions had different models belongs to neither model.
    assert windows == {
        first.version: {moment(day) for day in range(1, 71)},
        second.version: {moment(day) for day in range(72, 101)},
    }


def test_nothing_is_observed_before_the_end_of_the_training(postgres: Engine) -> None:
    assert StreamObserver(postgres).observe() == 0
    assert found(postgres)["drift_observations"] == []
