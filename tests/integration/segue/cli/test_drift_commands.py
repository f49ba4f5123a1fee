"""``segue drift`` and ``segue models promote`` on the command line."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from data.datasets.steady import moment
from data.postgres import model_registry
from data.postgres.database import engine
from models.segment_model import SegmentModel
from segue.cli.app import app
from services.drift.metrics import DriftHealth, DriftMetrics
from services.drift.observer import StreamObserver
from tests.support.dataset_tables import fill
from tests.support.steady_stream import model_of, shop

REACHED = moment(80)


def champion() -> SegmentModel:
    return model_of("returns")


@pytest.fixture
def postgres(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    postgres = engine(migrated_url)
    model_registry.register(postgres, champion())
    yield postgres
    postgres.dispose()


@pytest.fixture
def observed(postgres: Engine) -> Engine:
    """A stream with a return wave that has been observed."""
    rows = shop("returns")
    fill(postgres, rows[rows["occurred_at"] < REACHED].assign(country="Nowhere"), champion(), REACHED)
    assert StreamObserver(postgres).observe() == 80
    return postgres


def segue(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def test_before_anything_is_observed_it_says_what_to_do(postgres: Engine) -> None:
    done = segue("drift", "status")
    assert "Nothing has been observed" in done.stdout
    assert "segue drift watch" in done.stdout
    found = json.loads(segue("drift", "status", "--json").stdout)
    assert found == {
        "model": champion().version,
        "window_end": None,
        "measurements": [],
        "alarms": [],
        "candidates": [],
    }


def test_the_status_shows_the_newest_day_every_alarm_and_the_candidates(observed: Engine) -> None:
    done = segue("drift", "status")
    assert done.exit_code == 0
    assert f"{model_of('returns').version}, the day that ended {REACHED:%Y-%m-%d}" in done.stdout
    assert "% of transactions are returns" in done.stdout
    assert "segue models promote proposed" in done.stdout
    found = json.loads(segue("drift", "status", "--json").stdout)
    assert {each["measure"] for each in found["alarms"]} == {"returns"}
    assert [each["alias"] for each in found["candidates"]] == ["challenger", "proposed"]
    assert all(0 <= each["share"] <= 1 for each in found["candidates"])


def test_the_list_leaves_out_earlier_challengers_of_the_observer(observed: Engine) -> None:
    listed = {each["version"] for each in json.loads(segue("models", "list", "--json").stdout)}
    everything = {each["version"] for each in json.loads(segue("models", "list", "--all", "--json").stdout)}
    with observed.connect() as connection:
        assert listed == set(model_registry.aliases(connection).values())
    assert listed < everything


def test_the_metrics_are_those_of_the_newest_day(observed: Engine) -> None:
    metrics = DriftMetrics()
    metrics.observed(observed, champion().version, 80)
    page = DriftHealth(metrics).metrics().body.decode()
    found = json.loads(segue("drift", "status", "--json").stdout)
    for each in found["measurements"]:
        line = f'segue_drift_value{{measure="{each["measure"]}",name="{each["name"]}"}} {each["value"]}'
        assert line in page.splitlines()
    assert 'segue_drift_alarms{measure="returns"} 1.0' in page
    (end,) = (line.split()[1] for line in page.splitlines() if line.startswith("segue_drift_window_end_seconds "))
    assert float(end) == REACHED.timestamp()
    assert "segue_drift_windows_total 80.0" in page


def test_the_health_page_names_the_fault() -> None:
    health = DriftHealth(DriftMetrics())
    assert (health.alive().status, health.ready().status) == (200, 200)
    health.trouble = "can't reach Postgres"
    assert (health.alive().status, health.ready().status) == (200, 503)
    assert json.loads(health.ready().body) == {"trouble": "can't reach Postgres"}


def test_promoting_shows_who_would_move_and_asks(observed: Engine) -> None:
    with observed.connect() as connection:
        proposed = model_registry.aliases(connection)["proposed"]
    done = segue("models", "promote", typed="n\n")
    assert done.exit_code == 1
    assert "customers would move" in done.stdout
    assert f"Activate {proposed}?" in done.output
    assert model_registry.champion_version(observed) == champion().version


def test_promoting_activates_the_model(postgres: Engine) -> None:
    model_registry.register(postgres, model_of("none"))
    done = segue("models", "promote", "--yes")
    assert "No worker has started yet" in done.output
    assert model_registry.champion_version(postgres) == model_of("none").version


def test_the_champion_can_not_be_promoted(postgres: Engine) -> None:
    done = segue("models", "promote", "champion", "--yes")
    assert done.exit_code == 1
    assert "there is nothing to promote" in done.output
