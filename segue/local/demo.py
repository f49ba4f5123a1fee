"""The demo: a stack, a model, a replay and a comparison with the raw data."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from batch.fit_predictions import fit_with_predictions
from batch.reconcile_stream import check
from data.datasets.dataset import Dataset
from data.postgres import model_registry, progress
from data.postgres.database import engine
from models.units import to_micros
from producers.flow_control import MAX_LAG
from producers.pace import Speed
from producers.replay import ShowProgress, split, whole
from producers.replay_session import ReplaySession, session
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.stack import Stack


class Summary(msgspec.Struct, frozen=True):
    """The result of a demo; ``differences`` counts the rows that the comparison with the raw data found.

    ``risk_states`` is how many risk states were compared; 0 if the model predicts nothing.
    """

    dataset: str
    model_version: str
    transactions: int
    duplicates: int
    late: int
    dead_letters: int
    customers: int
    changes: dict[str, int]
    risk_states: int
    differences: int
    seconds: float
    transactions_per_second: int


@dataclass(frozen=True, slots=True)
class Setup:
    """Which stack a demo runs on."""

    state_dir: Path
    broker: BrokerKind
    workers: int
    drift: bool = False
    k: int | None = None


def run_once(dataset: Dataset, cutoff: datetime, setup: Setup, show: ShowProgress) -> Summary:
    """Replay everything at full speed in a temporary state folder, and compare the result with the raw data."""
    folder = setup.state_dir / f"once-{time.time_ns():x}"
    try:
        with Stack(folder, setup.broker, money=Settings(state_dir=folder).money) as stack:
            settings = Settings(state_dir=folder)
            stack.start_workers(setup.workers)
            stack.watch(lambda _: None)
            postgres = engine(settings.database)
            model_registry.register(postgres, fit_with_predictions(dataset, cutoff, setup.k))
            with session(settings, MAX_LAG) as replaying:
                wait_for_worker(replaying)
                started = time.perf_counter()
                replaying.run(dataset, whole(dataset), Speed.parse("max"), show)
                seconds = time.perf_counter() - started
            return _summary(settings, dataset, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_live(dataset: Dataset, cutoff: datetime, stack: Stack, speed: Speed, show: ShowProgress) -> bool:
    """Replay up to the cutoff at full speed, then at ``speed``; return whether everything has been sent."""
    settings = Settings(state_dir=stack.state_dir)
    with session(settings, MAX_LAG) as replaying, replaying.alone(dataset.name):
        wait_for_worker(replaying)
        remaining = replaying.resumed(dataset, whole(dataset))
        past, future = split(remaining, dataset, to_micros(cutoff))
        for section, pace in ((past, Speed.parse("max")), (future, speed)):
            if not section.is_empty and replaying.run(dataset, section, pace, show).stopped:
                return False
        return True


def wait_for_worker(replaying: ReplaySession) -> None:
    """Wait until every partition of the log has been claimed."""
    log_id, partitions = replaying.identity.log_id, replaying.identity.partitions
    while len(progress.next_offsets(replaying.postgres, log_id)) < partitions:
        time.sleep(0.05)


def _summary(settings: Settings, dataset: Dataset, seconds: float) -> Summary:
    postgres = engine(settings.database)
    totals = progress.totals(postgres)
    version = model_registry.champion_version(postgres)
    compared = check(settings.database, dataset)
    counts: dict[str, Any] = {name: getattr(totals, name) for name in ("duplicates", "late", "dead_letters")}
    return Summary(
        dataset=dataset.name,
        model_version=version or "",
        transactions=totals.transactions,
        **counts,
        customers=totals.customers,
        changes=totals.changes,
        risk_states=compared.risk_states,
        differences=len(compared.differences),
        seconds=round(seconds, 3),
        transactions_per_second=round(totals.transactions / seconds),
    )
