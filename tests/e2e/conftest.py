"""What end-to-end tests share: a model of the first year, and what an undisturbed run leaves behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batch.fit_dataset import fit_before
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from models.segment_model import SegmentModel
from segue.local.soak.outcome import Rows, latest, stored
from services import change_stream
from tests.support.local import local
from tests.support.retail import retail


@dataclass(frozen=True)
class Undisturbed:
    """What a run without any trouble leaves in Postgres and in both topics."""

    rows: dict[str, Rows]
    topic: list[dict[str, Any]]
    states: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return retail()


@pytest.fixture(scope="session")
def model(dataset: Dataset) -> SegmentModel:
    return fit_before(dataset, default_cutoff(dataset))


@pytest.fixture(scope="session")
def undisturbed(
    dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Undisturbed]:
    folder: Path = tmp_path_factory.mktemp("undisturbed")
    with local(folder, model) as run:
        run.replay(dataset)
        yield Undisturbed(stored(run.postgres), run.topic(), latest(change_stream.states(run.settings)))
