"""What the observer finds depends on what was committed, not on when it looked, how often it died, or who else did."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from batch.backtest import backtest
from data.datasets.steady import Injection, moment
from data.postgres import drift, model_registry
from data.postgres.tables import drift_alarms, drift_observations, model_aliases
from models.units import from_micros
from services.drift.watcher import Watcher
from tests.support.postgres import new_database
from tests.support.steady_stream import go_on, model_of, shop, stream

DAY = timedelta(days=1)
END = moment(110)
INJECTION: Injection = "returns"
Rows = list[dict[str, Any]]


@pytest.fixture
def postgres(database_url: str) -> Iterator[Engine]:
    """A stream that has come as far as the model's training."""
    with stream(database_url, INJECTION, END) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def expected(postgres_server: str) -> Iterator[dict[str, Rows]]:
    """What one look at the whole stream finds."""
    with new_database(postgres_server) as url, stream(url, INJECTION, END) as postgres:
        go_on(postgres, shop(INJECTION), moment(0), END)
        assert Watcher(postgres).look() == 110
        yield found(postgres)


def found(postgres: Engine) -> dict[str, Rows]:
    """Everything that an observer has written, but for when that was."""
    with postgres.connect() as connection:
        tables = {
            table.name: connection.execute(select(table)).mappings().all()
            for table in (drift_observations, drift_alarms, model_aliases)
        }
        tables["models"] = connection.execute(text("SELECT version, spec FROM models")).mappings().all()
    return {name: sorted(map(dict, rows), key=str) for name, rows in tables.items()}


def step_by_step(postgres: Engine, days: int) -> Iterator[datetime]:
    """The stream goes on by so many days and a few hours at a time."""
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
def test_looking_often_or_seldom_makes_no_difference(postgres: Engine, expected: dict[str, Rows], days: int) -> None:
    watcher = Watcher(postgres)
    assert sum(watcher.look() for _ in step_by_step(postgres, days)) == 110
    assert found(postgres) == expected


def test_starting_again_makes_no_difference(postgres: Engine, expected: dict[str, Rows]) -> None:
    assert sum(Watcher(postgres).look() for _ in step_by_step(postgres, 23)) == 110
    assert Watcher(postgres).look() == 0
    assert found(postgres) == expected


def test_dying_before_anything_is_kept_makes_no_difference(
    postgres: Engine, expected: dict[str, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = drift.save, 0

    def dying(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 2:
            raise KeyboardInterrupt
        save(*args)

    monkeypatch.setattr(drift, "save", dying)
    go_on(postgres, shop(INJECTION), moment(0), END)
    watcher, deaths = Watcher(postgres), 0
    while True:
        try:
            watcher.look()
        except KeyboardInterrupt:
            deaths += 1
            # Half of them are the same process that tries again.
            watcher = Watcher(postgres) if deaths % 2 else watcher
        else:
            break
    assert deaths >= 2
    assert found(postgres) == expected


def test_two_observers_take_turns(postgres: Engine, expected: dict[str, Rows]) -> None:
    watchers = Watcher(postgres), Watcher(postgres)
    for number, _ in enumerate(step_by_step(postgres, 31)):
        watchers[number % 2].look()
    for watcher in watchers:
        watcher.look()
    assert found(postgres) == expected


def test_while_somebody_looks_another_one_waits(postgres: Engine) -> None:
    go_on(postgres, shop(INJECTION), moment(0), END)
    with postgres.connect() as other:
        assert other.execute(text("SELECT pg_try_advisory_lock(7368807)")).scalar_one()
        assert Watcher(postgres).look() == 0
        other.execute(text("SELECT pg_advisory_unlock(7368807)"))
    assert Watcher(postgres).look() == 110


def test_a_window_waits_for_the_slowest_partition(postgres: Engine) -> None:
    go_on(postgres, shop(INJECTION), moment(0), moment(50))
    with postgres.begin() as connection:
        slow = {"at": moment(20) + timedelta(hours=23)}
        connection.execute(text("UPDATE stream_progress SET event_time = :at WHERE partition = 1"), slow)
    assert Watcher(postgres).look() == 20
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = NULL WHERE partition = 1"))
    assert Watcher(postgres).look() == 0


def test_what_is_raised_leads_to_one_proposal_in_the_champions_words(expected: dict[str, Rows]) -> None:
    pointing = {row["alias"]: row["version"] for row in expected["model_aliases"]}
    specs = {row["version"]: row["spec"] for row in expected["models"]}
    assert pointing["champion"] == model_of(INJECTION).version
    proposed = specs[pointing["proposed"]]
    alarms = {row["id"] for row in expected["drift_alarms"]}
    assert set(proposed["metadata"]["because"]) <= alarms
    assert proposed["metadata"]["named_after"] == pointing["champion"]
    assert specs[pointing["challenger"]]["metadata"]["origin"] == "shadow"


def test_with_refits_off_nothing_is_proposed(postgres: Engine, expected: dict[str, Rows]) -> None:
    go_on(postgres, shop(INJECTION), moment(0), END)
    Watcher(postgres, refits=False).look()
    assert found(postgres)["drift_alarms"] == expected["drift_alarms"]
    with postgres.connect() as connection:
        assert "proposed" not in model_registry.aliases(connection)


def test_a_proposal_is_put_in_force_where_that_is_wanted(postgres: Engine) -> None:
    promoted: list[str] = []
    go_on(postgres, shop(INJECTION), moment(0), END)
    Watcher(postgres, promote=lambda model: promoted.append(model.version)).look()
    with postgres.connect() as connection:
        assert promoted[-1] == model_registry.aliases(connection)["proposed"]


@pytest.mark.parametrize(("trained", "again"), [(30, True), (40, False)])
def test_a_refit_that_is_in_force_is_given_28_days_before_the_next(postgres: Engine, trained: int, again: bool) -> None:
    """A return wave on day 40 is raised about day 65 by either."""
    metadata = {"origin": "refit", "cutoff": moment(trained).isoformat()}
    with postgres.begin() as connection:
        connection.execute(
            text("UPDATE models SET spec = jsonb_set(spec, '{metadata}', spec->'metadata' || CAST(:more AS jsonb))"),
            {"more": json.dumps(metadata)},
        )
    go_on(postgres, shop(INJECTION), moment(0), END)
    Watcher(postgres).look()
    assert len(found(postgres)["drift_alarms"]) == 1
    with postgres.connect() as connection:
        assert ("proposed" in model_registry.aliases(connection)) == again


def test_a_challenger_that_somebody_fitted_keeps_its_alias(postgres: Engine) -> None:
    fitted = model_of("none")
    assert model_registry.register(postgres, fitted) == "challenger"
    go_on(postgres, shop(INJECTION), moment(0), moment(60))
    Watcher(postgres).look()
    with postgres.connect() as connection:
        assert model_registry.aliases(connection)["challenger"] == fitted.version


def test_each_model_is_looked_at_while_it_was_in_force_however_late(postgres: Engine) -> None:
    """One comes into force on day 70, at another hour in each partition, long before anybody looks."""
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
    assert Watcher(postgres).look() == 70 + 29
    windows: dict[str, set[datetime]] = {}
    for row in found(postgres)["drift_observations"]:
        windows.setdefault(row["model_version"], set()).add(row["window_end"])
    # The day on which they were not of one mind is nobody's.
    assert windows == {
        first.version: {moment(day) for day in range(1, 71)},
        second.version: {moment(day) for day in range(72, 101)},
    }


def test_before_the_training_has_ended_there_is_nothing_to_see(postgres: Engine) -> None:
    assert Watcher(postgres).look() == 0
    assert found(postgres)["drift_observations"] == []
