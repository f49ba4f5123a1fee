"""The drift observer beside a running stream: killed in the middle, it raises the alarms of a backtest, each once."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import func, select

from batch.backtest import backtest
from batch.reconcile_stream import differences
from data.contract import asyncapi
from data.contract.events import DriftDetected
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from data.postgres import model_registry, progress
from data.postgres.drift import alarm_id
from data.postgres.tables import drift_alarms, drift_observations, model_reigns
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, from_micros, to_micros
from producers.replay import split, whole
from segue.local.processes import ChildProcess
from tests.support.commands import segue
from tests.support.kafka_records import read
from tests.support.local_stack import Local, local, wait_until

# The observer runs at the lowest CPU priority.
PATIENCE = 500


@pytest.mark.timeout(1_800)
def test_drift_is_observed_beside_the_worker_and_reported_once(
    dataset: Dataset, model: SegmentModel, tmp_path: Path
) -> None:
    expected = list(backtest(model, dataset.transactions, default_cutoff(dataset)))
    ids = {alarm_id(model.version, window.end, alarm) for window in expected for alarm in window.raised}
    with local(tmp_path, model) as run:
        observer = run.stack.start_drift()
        first_year, second_year = split(whole(dataset), dataset, to_micros(default_cutoff(dataset)))
        run.replay(dataset, first_year)
        half = second_year.event_start + (second_year.event_end - second_year.event_start) // 2
        for section in split(second_year, dataset, half):
            run.replay(dataset, section)
            wait_until(lambda: windows(run) > 0, PATIENCE)
            kill(observer)
        wait_until(lambda: windows(run) == len(expected) and reported(run) >= ids, PATIENCE)

        found = status(run)
        assert found["model"] == model.version
        assert found["window_end"] == from_micros(expected[-1].end).isoformat().replace("+00:00", "Z")
        assert {alarm["id"] for alarm in found["alarms"]} == ids
        last = {(each.measure, each.name): each.value for each in expected[-1].measurements}
        shown = {(each["measure"], each["name"]): each["value"] for each in found["measurements"]}
        assert shown == last

        events = [message.value() or b"" for message in read(run.settings.brokers, run.settings.drift_topic)]
        assert sorted(msgspec.json.decode(event)["id"] for event in events) == sorted(ids)
        document = asyncapi.document()
        schema = {"$ref": "#/components/schemas/DriftDetected", "components": document["components"]}
        for event in events:
            Draft202012Validator(schema).validate(json.loads(event))
            assert msgspec.json.decode(event, type=DriftDetected).data.summary

        candidates = {each["alias"]: each for each in found["candidates"]}
        assert candidates["challenger"]["origin"] == "shadow"
        assert bool(ids) == ("proposed" in candidates)
        promoted = candidates.get("proposed", candidates["challenger"])
        segue(run.stack.state_dir, "models", "promote", "--yes")
        assert model_registry.champion_version(run.postgres) == promoted["version"]
        with run.postgres.connect() as connection:
            ended = connection.execute(select(model_reigns.c.partition, model_reigns.c.model_version)).all()
        assert sorted(ended) == [(partition, model.version) for partition in range(run.replaying.identity.partitions)]


@pytest.mark.timeout(1_800)
def test_with_automatic_activation_a_refit_becomes_active_while_the_stream_runs(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path: Path
) -> None:
    dataset, model = medium_dataset, medium_model
    with local(tmp_path, model) as run:
        run.stack.start_drift("--auto-refit", "promote")
        first_year, second_year = split(whole(dataset), dataset, to_micros(default_cutoff(dataset)))
        run.replay(dataset, first_year)
        observed = backtest(model, dataset.transactions, default_cutoff(dataset))
        first_alarm = next(window.end for window in observed if window.raised)
        before, after = split(second_year, dataset, first_alarm + 10 * MICROS_PER_DAY)
        run.replay(dataset, before)
        wait_until(lambda: model_registry.champion_version(run.postgres) != model.version, PATIENCE)
        run.replay(dataset, after)
        wait_until(lambda: progress.customers_outdated(run.postgres) == 0, PATIENCE)
        assert len(differences(run.settings.database, dataset)) == 0
        champion = model_registry.champion_version(run.postgres)
        found = {
            each["version"]: each
            for each in json.loads(segue(run.stack.state_dir, "models", "list", "--all", "--json"))
        }
        assert found[champion]["metadata"]["origin"] == "refit"


def windows(run: Local) -> int:
    """The number of observed windows."""
    query = select(func.count(drift_observations.c.window_end.distinct()))
    with run.postgres.connect() as connection:
        return connection.execute(query).scalar_one()


def reported(run: Local) -> set[str]:
    """The ids of the alarms whose event is in the topic."""
    with run.postgres.connect() as connection:
        return set(connection.execute(select(drift_alarms.c.id).where(drift_alarms.c.published)).scalars())


def kill(observer: ChildProcess) -> None:
    """Kill the observer; the stack restarts it."""
    pid = observer.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: observer.pid != pid)


def status(run: Local) -> Any:
    """The output of ``segue drift status --json``."""
    return json.loads(segue(run.stack.state_dir, "drift", "status", "--json"))
