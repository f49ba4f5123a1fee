"""``segue as-of`` shows what pandas and scikit-learn compute from the raw file, whatever happened since."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from batch.fit import fit
from batch.ledger import KEY
from batch.profiles import profiles_as_of
from batch.reconcile_history import expected_history
from batch.reconcile_past import differences, expected_states
from batch.scorer import Scorer
from data.contract.wire import ModelActivation, Transaction
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.postgres.past_moments import PastError, answerable
from data.postgres.past_states import past_states
from data.postgres.pruning import Retention, prune
from data.postgres.stream_state import read_stream_state
from models.segment_model import SegmentModel
from runtime.errors import SegueError
from segue.cli.app import app
from segue.cli.errors import one_line
from tests.support import shop_files
from tests.support.forgetting import forget_somebody
from tests.support.in_memory_worker import Message
from tests.support.processed_stream import lived, store
from tests.support.replayed import moments, replayed

DAY = timedelta(days=1)
Show = Callable[..., Result]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(shop_files.generated(tmp_path_factory.mktemp("shop"), days=400))


@pytest.fixture(scope="module")
def models(dataset: Dataset) -> list[SegmentModel]:
    profiles = profiles_as_of(dataset.transactions, dataset.report.last)
    return [fit(profiles, k=5).model, fit(profiles, k=4, monetary="gross").model]


@pytest.fixture
def show(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["as-of", *arguments])


def said(result: Result) -> str:
    """The error that the command line prints as one line, and everything else that it printed."""
    assert result.exit_code == 1, result.output
    error = result.exception
    return f"{result.output} {one_line(error) if isinstance(error, SegueError) else error}"


@contextmanager
def snapshot(postgres: Engine) -> Iterator[Any]:
    with postgres.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield connection


def states(postgres: Engine, moment: datetime) -> pd.DataFrame:
    with snapshot(postgres) as connection:
        answerable(connection).check(moment)
        return past_states(connection, moment)


def url_of(postgres: Engine) -> str:
    return postgres.url.set(drivername="postgresql").render_as_string(hide_password=False)


def distinct(dataset: Dataset) -> pd.DataFrame:
    return dataset.transactions.drop_duplicates(KEY)


def test_every_customer_equals_a_batch_computation_at_20_random_moments(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    known = {models[0].version: models[0]}
    changes = expected_history(distinct(dataset), read_stream_state(url_of(postgres)), known)
    assert (distinct(dataset)["kind"] == "return").sum() > 20
    compared = 0
    for moment in moments(dataset, 20):
        expected = expected_states(distinct(dataset), changes, moment, Scorer.of(models[0]))
        assert differences(expected, states(postgres, moment)) == []
        compared += len(expected)
    assert compared > 20 * len(expected) // 3


def test_an_activation_in_the_middle_of_a_day_decides_from_its_place_in_the_log_on(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    messages = replayed(dataset)
    middle = len(messages) // 2
    while not (isinstance(messages[middle - 1], Transaction) and isinstance(messages[middle], Transaction)):
        middle += 1
    before = messages[middle - 1]
    assert isinstance(before, Transaction)
    at = before.occurred_at
    changed: list[Message] = [*messages[:middle], ModelActivation(models[1]), *messages[middle:]]
    store(postgres, models[0], lived(models[0], changed), models[1])
    known = {model.version: model for model in models}
    changes = expected_history(distinct(dataset), read_stream_state(url_of(postgres)), known)
    assert "model" in set(changes["cause"])
    versions = []
    for moment in [*moments(dataset, 10, seed=2), at, at.replace(hour=0, minute=0), at - 2 * DAY, at + 2 * DAY]:
        found = states(postgres, moment)
        assert differences(expected_states(distinct(dataset), changes, moment), found) == []
        versions += found["model_version"].unique().tolist()
    assert set(versions) == set(known)


def test_a_late_order_counts_from_its_own_time_and_moves_the_segment_when_it_is_applied(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    messages = replayed(dataset)
    counts = dataset.transactions[dataset.transactions["kind"] == "sale"]["customer_id"].value_counts()
    frequent = counts.index[0]
    own = [i for i, each in enumerate(messages) if isinstance(each, Transaction) and each.customer_id == frequent]
    late = messages[own[1]]
    assert isinstance(late, Transaction)
    arrives = own[1] + 400
    sent: list[Message] = [*messages[: own[1]], *messages[own[1] + 1 : arrives], late, *messages[arrives:]]
    stream = lived(models[0], sent)
    assert sum(row["late"] for row in stream.progress) == 1
    store(postgres, models[0], stream)
    published = [row for row in stream.changes if row["customer_id"] == frequent]
    for moment in [late.occurred_at, late.occurred_at + DAY, *moments(dataset, 6, seed=3)]:
        found = states(postgres, moment).set_index("customer_id")
        own_orders = dataset.transactions[dataset.transactions["customer_id"] == frequent]
        happened = own_orders[(own_orders["occurred_at"] <= moment) & (own_orders["kind"] == "sale")]
        assert found["frequency"].get(frequent, 0) == len(happened)
        effective = [each for each in published if each["effective_at"] <= moment]
        assert found["segment"].get(frequent) == (effective[-1]["to_segment"] if effective else None)
    with snapshot(postgres) as connection:
        assert answerable(connection).late == 1


def test_a_cancelled_order_counts_nothing_at_any_moment_and_history_stays(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    messages = replayed(dataset)
    counts = dataset.transactions["customer_id"].value_counts()
    once = next(
        c for c in counts.index[counts == 1] if (dataset.transactions.set_index("customer_id")["kind"][c]) == "sale"
    )
    own = next(each for each in messages if isinstance(each, Transaction) and each.customer_id == once)
    gone = msgspec.structs.replace(own, kind="cancelled", revision=1)
    stream = lived(models[0], [*messages, gone])
    store(postgres, models[0], stream)
    first, *later = [row for row in stream.changes if row["customer_id"] == once]
    assert later[-1]["cause"] == "revision" or not later
    row = states(postgres, first["effective_at"]).set_index("customer_id").loc[once].to_dict()
    assert (row["segment"], row["frequency"], row["gross_units"]) == (first["to_segment"], 0, 0)
    assert once not in set(states(postgres, first["effective_at"] - timedelta(seconds=1))["customer_id"])


def test_after_pruning_the_kept_days_are_as_before_and_earlier_ones_are_refused(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    kept = timedelta(days=150)
    border = dataset.report.last - kept
    asked = [border, *(border + kept * share for share in (0.1, 0.4, 0.9)), dataset.report.last]
    before = [states(postgres, moment) for moment in asked]
    assert (prune(postgres, Retention(changes=kept), dataset.report.last).changes or 0) > 50
    for moment, was in zip(asked, before, strict=True):
        pd.testing.assert_frame_equal(states(postgres, moment), was)
    with snapshot(postgres) as connection:
        since = answerable(connection).since
    assert since is not None
    assert since <= border
    states(postgres, since)
    with pytest.raises(PastError, match=f"whole from {since:%Y-%m-%d %H:%M} UTC on"):
        states(postgres, since - timedelta(microseconds=1))


def test_sizes_are_printed_and_every_customer_is_in_the_file(
    show: Show, dataset: Dataset, models: list[SegmentModel], postgres: Engine, tmp_path: Path
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    moment = dataset.report.first + 200 * DAY
    out = tmp_path / "rows.csv"
    printed = show(f"{moment:%Y-%m-%d}", "-o", str(out))
    assert printed.exit_code == 0, printed.output
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    found = states(postgres, midnight)
    rows = pd.read_csv(out, dtype="str", keep_default_na=False)
    assert rows["customer"].tolist() == found["customer_id"].tolist()
    assert rows["segment"].tolist() == found["segment"].fillna("").tolist()
    assert rows["previous_segment"].tolist() == found["previous_segment"].fillna("").tolist()
    names = {segment.id: segment.name for segment in models[0].segments} | {"": ""}
    assert rows["name"].tolist() == [names[segment] for segment in rows["segment"]]
    content = json.loads(show(f"{moment:%Y-%m-%d}", "--json").stdout)
    assert content["as_of"] == midnight.isoformat()
    assert {row["segment"]: row["customers"] for row in content["segments"]} == found[
        "segment"
    ].value_counts().to_dict()
    assert content["in_no_segment"] == found["segment"].isna().sum()
    for row in content["segments"]:
        assert f"{row['name']}" in printed.output
    assert "--force" in said(show(f"{moment:%Y-%m-%d}", "-o", str(out)))


def test_a_moment_after_the_slowest_partition_is_refused_in_one_line(
    show: Show, dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    slow = dataset.report.last - 3 * DAY
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = :at WHERE partition = 1"), {"at": slow})
    refused = said(show(f"{slow + DAY:%Y-%m-%d %H:%M}"))
    assert f"has reached {slow:%Y-%m-%d %H:%M} UTC" in refused
    assert "partition 1 is the slowest" in refused


def test_customers_who_wait_for_a_new_model_are_never_shown_in_the_old_one(
    show: Show, dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    messages = replayed(dataset)
    middle = len(messages) // 2
    stream = lived(models[0], [*messages[:middle], ModelActivation(models[1]), *messages[middle:]])
    store(postgres, models[0], stream, models[1])
    with postgres.begin() as connection:
        waits = "UPDATE customers SET model_version = :old WHERE customer_id = (SELECT min(customer_id) FROM customers)"
        connection.execute(text(waits), {"old": models[0].version})
        since = connection.execute(text("SELECT max(model_since) FROM stream_progress")).scalar_one()
    assert "1 customer waits to be rescored" in said(show(f"{since + DAY:%Y-%m-%d}"))
    assert show(f"{since - DAY:%Y-%m-%d}").exit_code == 0


def test_a_stream_without_event_time_or_customers_says_so(
    show: Show, dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    assert "not reached any event time" in said(show("2011-01-01"))
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    assert "knows no customer by 1999-01-01 00:00 UTC" in said(show("1999-01-01"))
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = NULL WHERE partition = 0"))
    assert "partition 0 has had no tick yet" in said(show("2011-01-01"))


def test_forgotten_customers_are_missing_and_counted(
    show: Show, dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    gone = forget_somebody(postgres)
    answer = show(f"{dataset.report.last:%Y-%m-%d}")
    assert answer.exit_code == 0, answer.output
    assert "1 customer was forgotten" in answer.output
    assert gone not in set(states(postgres, dataset.report.last)["customer_id"])
