"""A browser, a receiver of webhooks, the dataset, a model of its first year, and what an undisturbed replay leaves."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from batch.fit_dataset import fit_before
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from models.segment_model import SegmentModel
from segue.local.soak.outcome import latest, stored
from services import change_stream
from tests.support.browser import launched
from tests.support.local_stack import local
from tests.support.once_per_run import once_per_run
from tests.support.retail import retail
from tests.support.undisturbed import Undisturbed
from tests.support.webhook_receiver import Receiver


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with launched() as chromium:
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
    def replay_everything() -> Undisturbed:
        with local(tmp_path_factory.mktemp("undisturbed"), model) as run:
            run.replay(dataset)
            return Undisturbed(stored(run.postgres), run.topic(), latest(change_stream.states(run.settings)))

    return once_per_run(tmp_path_factory, "undisturbed", replay_everything)
