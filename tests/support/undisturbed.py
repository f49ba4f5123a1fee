"""The result of a run without any trouble, against which other runs are compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from segue.local.soak.outcome import Rows, latest, stored
from services import change_stream
from tests.support.local_stack import Local, local


@dataclass(frozen=True)
class Undisturbed:
    """The rows in Postgres, the data of every event in the change topic, and the latest state of every customer."""

    rows: dict[str, Rows]
    topic: list[dict[str, Any]]
    states: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Repeated:
    """The results of one stack after a replay and after another one of the same dataset, and its counts then."""

    once: Undisturbed
    twice: Undisturbed
    transactions: int
    duplicates: int


def undisturbed_replay(folder: Path, dataset: Dataset, model: SegmentModel) -> Undisturbed:
    """Replay a dataset without any trouble, on one worker and the embedded broker."""
    with local(folder, model) as run:
        run.replay(dataset)
        return _result(run)


def repeated_replay(folder: Path, dataset: Dataset, model: SegmentModel) -> Repeated:
    """The same, and then replay the dataset once more."""
    with local(folder, model) as run:
        run.replay(dataset)
        once = _result(run)
        run.replay(dataset)
        totals = progress.totals(run.postgres)
        return Repeated(once, _result(run), totals.transactions, totals.duplicates)


def _result(run: Local) -> Undisturbed:
    return Undisturbed(stored(run.postgres), run.topic(), latest(change_stream.states(run.settings)))
