"""The observer outlives what it depends on, and tells what it knows as long as it runs."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from data.datasets.steady import moment
from data.postgres import drift, model_registry
from data.postgres.ledger import transactions_between
from models.drift.observation import Measurement, Observed
from models.units import to_micros
from runtime.brokers import Brokers
from services.drift import watcher as watching
from services.drift.publishing import DriftPublisher
from services.drift.running import Observatory, rest_seconds
from services.drift.watcher import Watcher
from tests.support.steady_stream import go_on, model_of, shop, stream

# What is injected begins later, so nothing is raised, and no broker asked.
END = moment(30)
GAUGES = {"segue_drift_value", "segue_drift_threshold", "segue_drift_alarm", "segue_drift_window_end_seconds"}


@pytest.fixture
def postgres(database_url: str) -> Iterator[Engine]:
    """A stream of which thirty days have not been observed yet."""
    with stream(database_url, "returns", END) as postgres:
        go_on(postgres, shop("returns"), moment(0), END)
        yield postgres


@pytest.fixture
def dying(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres ends the session of the first look while it reads."""
    sessions: list[int] = []

    def read(connection: Connection, start: datetime, stop: datetime) -> pd.DataFrame:
        if not sessions:
            sessions.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            with postgres.connect() as other:
                ended = text("SELECT pg_terminate_backend(:pid, 10000)")
                assert other.execute(ended, {"pid": sessions[0]}).scalar_one()
        return transactions_between(connection, start, stop)

    monkeypatch.setattr(watching, "transactions_between", read)


def observatory(postgres: Engine) -> Observatory:
    return Observatory(postgres, Watcher(postgres), DriftPublisher(Brokers("nowhere:9092"), "drift"))


def run(observatory: Observatory, looks: int, between: Callable[[int], None]) -> None:
    """As a process does it, for so many looks; ``between`` is called after each."""
    number = 0

    def sleep(seconds: float) -> None:
        nonlocal number
        number += 1
        between(number)
        if number == looks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observatory.run(sleep)


@pytest.mark.usefixtures("dying")
def test_a_postgres_that_goes_away_during_a_look_is_told_as_such_and_the_next_look_finds_everything(
    postgres: Engine,
) -> None:
    watcher = Watcher(postgres)
    with pytest.raises(OperationalError):
        watcher.look()
    assert watcher.look() == 30


@pytest.mark.usefixtures("dying")
def test_the_observer_waits_until_postgres_is_back(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda by: by)
    observer = observatory(postgres)
    troubles: list[str | None] = []
    run(observer, 2, lambda _: troubles.append(observer.health.trouble))
    assert troubles[0] is not None
    assert troubles[1] is None
    assert shown(observer)["segue_drift_windows_total", ""] == 30


def test_a_session_that_can_not_be_unlocked_is_not_kept(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watching, "_UNLOCK", text("SELECT no_such_function()"))
        assert Watcher(postgres).look() == 30
    with postgres.connect() as connection:
        held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7368807")
        assert connection.execute(held).scalar_one() == 0


def test_a_new_process_shows_what_is_known_before_another_day_closes(postgres: Engine) -> None:
    before, after = observatory(postgres), observatory(postgres)
    assert before.look() == 30
    assert after.look() == 0
    known = {sample: value for sample, value in shown(before).items() if sample[0] in GAUGES}
    assert {name for name, _ in known} == GAUGES
    assert known.items() <= shown(after).items()


def test_another_champion_is_shown_instead_of_the_last_one_at_once(postgres: Engine) -> None:
    observer = observatory(postgres)
    observer.look()
    other = model_of("none")
    model_registry.register(postgres, other)
    observed = Observed(to_micros(END), [Measurement("returns", "", 0.5, 1)], [], None)
    with postgres.begin() as connection:
        model_registry.make_champion(connection, other.version)
        drift.save(connection, other.version, [observed])
    assert observer.look() == 0
    values = {what: value for (name, what), value in shown(observer).items() if name == "segue_drift_value"}
    assert values == {"returns": 0.5}


def test_windows_that_a_failed_look_has_kept_are_shown_by_the_next(
    postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = observatory(postgres)

    def look(watcher: Watcher) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(Watcher, "look", real)
            watcher.look()
        raise OperationalError("", {}, Exception("gone"))

    real = Watcher.look
    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "look", look)
        with pytest.raises(OperationalError):
            observer.look()
    assert observer.look() == 0
    assert shown(observer)["segue_drift_window_end_seconds", ""] == END.timestamp()


def shown(observer: Observatory) -> dict[tuple[str, str], float]:
    """The page of metrics, by the name of the sample and of what is measured."""
    families = text_string_to_metric_families(observer.health.metrics().body.decode())
    return {
        (sample.name, sample.labels.get("measure", "") + sample.labels.get("name", "")): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(("looked", "rests"), [(0.0, 2.0), (0.1, 2.0), (1.0, 9.0), (100.0, 30.0)])
def test_a_long_look_is_followed_by_a_longer_rest_within_bounds(looked: float, rests: float) -> None:
    assert rest_seconds(looked) == rests
