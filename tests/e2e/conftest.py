"""A browser, a receiver of webhooks, and of two datasets: a model of the first year, and what a replay leaves."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from batch.fit_dataset import fit_before
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from models.segment_model import SegmentModel
from tests.support.browser import opened
from tests.support.once_per_run import once_per_run
from tests.support.retail import medium, retail
from tests.support.undisturbed import Repeated, Undisturbed, repeated_replay, undisturbed_replay
from tests.support.webhook_receiver import Receiver


@pytest.fixture(scope="module")
def window() -> Iterator[BrowserContext]:
    """A window of a headless browser; its pages have cookies in common."""
    with opened() as chromium:
        yield chromium


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks, which must have got nothing that breaks the contract."""
    made = Receiver()
    made.start()
    yield made
    made.stop()
    assert made.broken == []


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return retail()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> SegmentModel:
    return once_per_run(tmp_path_factory, "model", lambda: fit_before(retail(), default_cutoff(retail())))


@pytest.fixture(scope="session")
def undisturbed(dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    return once_per_run(tmp_path_factory, "undisturbed", lambda: undisturbed_replay(folder, dataset, model))


@pytest.fixture(scope="session")
def medium_dataset() -> Dataset:
    return medium()


@pytest.fixture(scope="session")
def medium_model(medium_dataset: Dataset) -> SegmentModel:
    return fit_before(medium_dataset, default_cutoff(medium_dataset))


@pytest.fixture(scope="session")
def medium_runs(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Repeated:
    folder = tmp_path_factory.mktemp("medium")
    return once_per_run(tmp_path_factory, "medium", lambda: repeated_replay(folder, medium_dataset, medium_model))


@pytest.fixture(scope="session")
def medium_undisturbed(medium_runs: Repeated) -> Undisturbed:
    return medium_runs.once
