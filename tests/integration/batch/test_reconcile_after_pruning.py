"""`segue reconcile` of a pruned stream compares what is kept, and still notices what is missing from that."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, make_url, text
from typer.testing import CliRunner, Result

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.contract.wire import Tick
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.postgres.pruning import Retention, prune
from models.rhythm.carried import carrying
from segue.cli.app import app
from tests.support import shop_files
from tests.support.postgres import new_database, opened
from tests.support.processed_stream import lived, store
from tests.support.rhythm import a_rhythm
from tests.support.stored_risks import store_risks

KEPT = timedelta(days=100)
OPTIONS = [(), ("--history",)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of a small shop."""
    return shop_files.generated(tmp_path_factory.mktemp("shop"), days=420)


@pytest.fixture(scope="module")
def dataset(file: Path) -> Dataset:
    return load(file)


@pytest.fixture(scope="module")
def kept_whole(postgres_server: str, dataset: Dataset) -> Iterator[str]:
    """The name of a database to copy, with what a worker makes of the dataset, all of it published."""
    now = dataset.report.last
    model = carrying(fit(profiles_as_of(dataset.transactions, now), k=5).model, a_rhythm())
    made = lived(model, [*dataset.wire_transactions(), Tick(now)])
    with new_database(postgres_server) as url:
        with opened(url) as postgres:
            store(postgres, model, made)
            store_risks(postgres, made, now)
            published = "published_position = change_position, risk_published_position = 1000000"
            execute(postgres, f"UPDATE stream_progress SET {published}")
        yield str(make_url(url).database)


@pytest.fixture(scope="module")
def kept_pruned(postgres_server: str, kept_whole: str, dataset: Dataset) -> Iterator[str]:
    """The name of a database to copy: the other one, pruned."""
    with new_database(postgres_server, kept_whole) as url:
        with opened(url) as postgres:
            done = prune(postgres, Retention(changes=KEPT), dataset.report.last)
            assert (done.changes or 0) > 100
            assert (done.risk_changes or 0) > 100
        yield str(make_url(url).database)


@pytest.fixture
def whole(postgres_server: str, kept_whole: str) -> Iterator[str]:
    """The URL of a database with the whole history."""
    with new_database(postgres_server, kept_whole) as url:
        yield url


@pytest.fixture
def pruned(postgres_server: str, kept_pruned: str) -> Iterator[str]:
    """The URL of a database with a pruned history."""
    with new_database(postgres_server, kept_pruned) as url:
        yield url


def execute(postgres: Engine, statement: str) -> None:
    with postgres.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0


def reconcile(url: str, file: Path, *options: str) -> Result:
    settings = {"SEGUE_DATABASE_URL": url, "COLUMNS": "200"}
    return CliRunner().invoke(app, ["reconcile", str(file), *options], env=settings)


def differing(url: str, file: Path) -> set[tuple[str, str]]:
    """What differs, and whose."""
    found = json.loads(reconcile(url, file, "--json").stdout)["differences"]
    return {(row["what"], row["customer_id"]) for row in found}


@pytest.mark.parametrize("options", OPTIONS)
def test_what_is_kept_has_no_difference_and_what_is_not_is_named(
    pruned: str, file: Path, dataset: Dataset, options: tuple[str, ...]
) -> None:
    result = reconcile(pruned, file, *options)
    assert result.exit_code == 0, result.output
    as_json = json.loads(reconcile(pruned, file, *options, "--json").stdout)
    before = pd.Timestamp(as_json["pruned_before"])
    assert dataset.report.last - KEPT - timedelta(days=7) < before <= dataset.report.last - KEPT
    assert f"The history before {before:%Y-%m-%d %H:%M} UTC was pruned and is not compared." in result.output


def test_a_whole_history_is_not_called_pruned(whole: str, file: Path) -> None:
    result = reconcile(whole, file)
    assert result.exit_code == 0, result.output
    assert "pruned" not in result.output
    assert json.loads(reconcile(whole, file, "--json").stdout)["pruned_before"] is None


@pytest.mark.parametrize(("table", "what"), [("segment_changes", "history"), ("risk_changes", "risk history")])
@pytest.mark.parametrize("lost", ["one in the middle", "a beginning after the kept time"])
@pytest.mark.parametrize("stream", ["whole", "pruned"])
def test_changes_that_pruning_does_not_delete_are_missed(
    request: pytest.FixtureRequest, file: Path, table: str, what: str, lost: str, stream: str
) -> None:
    url: str = request.getfixturevalue(stream)
    with opened(url) as postgres:
        with postgres.connect() as connection:
            most = f"SELECT customer_id, max(sequence) FROM {table} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
            customer, last = connection.execute(text(most)).one()
        chosen = f"sequence = {last} - 1" if lost == "one in the middle" else f"sequence < {last}"
        execute(postgres, f"DELETE FROM {table} WHERE customer_id = '{customer}' AND {chosen}")
    assert differing(url, file) == {(what, customer)}
