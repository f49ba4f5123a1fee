"""A whole dataset end to end: replay, broker, one worker and Postgres on the cores of this machine."""

from functools import cache
from pathlib import Path

from batch.fit_dataset import fit_before
from benchmarks.compare.results import Replay
from benchmarks.workers import measure
from data.datasets.dataset import Dataset
from data.datasets.selection import choose, default_cutoff
from models.segment_model import SegmentModel
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind


def replay(dataset: Path | None, broker: BrokerKind) -> Replay:
    """Replay a dataset at full speed: the given file, else the downloaded dataset, else a synthetic one."""
    data, model = _prepared(dataset)
    seconds, different = measure(data, model, broker, workers=1)
    transactions = len(data.transactions)
    return Replay(data.name, broker, transactions, transactions / seconds, different)


@cache
def _prepared(dataset: Path | None) -> tuple[Dataset, SegmentModel]:
    data = choose(dataset, Settings().datasets_dir).dataset
    return data, fit_before(data, default_cutoff(data))
