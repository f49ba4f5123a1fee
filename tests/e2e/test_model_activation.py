"""A model becomes active while transactions stream in: every customer is rescored once, and nothing else changes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from sqlalchemy import func, select

from batch.fit import fit
from batch.presets import PRESETS
from batch.profiles import histories, profiles_as_of
from batch.reconcile_stream import check
from data.contract.wire import ModelActivation, Tick, TransactionHeader
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from data.kafka.read_to_end import read_topic
from data.postgres import model_registry, progress
from data.postgres.stream_profiles import current_profiles
from data.postgres.tables import customers, segment_changes
from models.compare import compare
from models.segment_model import SegmentModel
from models.units import to_micros
from producers import model_activation
from producers.replay import Section, occurred_at, split, whole
from producers.replay_session import session
from runtime.settings import Settings
from segue.local.demo import wait_for_worker
from segue.local.soak.outcome import stored
from segue.local.stack import Stack
from tests.support.commands import segue
from tests.support.local_stack import Local, applied, local, wait_until

Moves = dict[str, tuple[str, str]]
# So many transactions make customers enough for a middle.
BEGINNING = 1_000


@pytest.fixture(scope="module")
def challenger(medium_dataset: Dataset) -> SegmentModel:
    """Four segments of gross money, fitted on everything, in the unit of the default, so that fits keep the names."""
    unit = PRESETS["segue"].recency_unit
    return fit(_everybody(medium_dataset), k=4, monetary="gross", recency_unit=unit).model


def test_activating_a_model_during_a_replay_moves_whom_compare_says_and_reconciles(
    medium_dataset: Dataset, medium_model: SegmentModel, challenger: SegmentModel, tmp_path: Path
) -> None:
    dataset, model = medium_dataset, medium_model
    with local(tmp_path, model, {"SEGUE_BATCH_SIZE": "500"}) as run:
        model_registry.register(run.postgres, challenger)
        first_year, second_year = split(whole(dataset), dataset, to_micros(default_cutoff(dataset)))
        run.replay(dataset, first_year)
        # Slow enough to run all the time.
        with run.in_background(dataset, second_year, "5d/s"):
            before = applied(run)
            segue(run.stack.state_dir, "models", "activate", challenger.version)
            assert progress.customers_outdated(run.postgres) == 0
            assert before < applied(run) < len(dataset.transactions)
        run.replay(dataset, run.replaying.resumed(dataset, second_year))
        assert model_registry.champion_version(run.postgres) == challenger.version
        assert moves(run) == expected_moves(run, dataset, model, challenger)
        reconciled = check(run.settings.database, dataset, history=True)
        assert reconciled.differences.empty, reconciled.differences.to_string()
        assert reconciled.history is not None
        assert not reconciled.history.not_comparable
        assert reconciled.changes > 0
        of_stream = json.loads(segue(run.stack.state_dir, "fit", "--from-stream", "--dry-run", "--json"))
        default = PRESETS["segue"]._asdict()
        assert of_stream["version"] == fit(_everybody(dataset), **default, champion=challenger).model.version
        assert of_stream["metadata"]["named_after"] == challenger.version


def test_a_worker_killed_in_the_middle_of_rescoring_goes_on_with_the_rest(
    medium_dataset: Dataset, medium_model: SegmentModel, challenger: SegmentModel, tmp_path: Path
) -> None:
    dataset, model = medium_dataset, medium_model
    moments = occurred_at(dataset)
    # Transactions of the same moment are sent together, because reconciliation expects all up to the watermark.
    stop = int(moments.searchsorted(moments[BEGINNING - 1], side="right"))
    beginning = Section(0, stop, int(moments[0]), int(moments[stop - 1]))
    results = []
    for kill in (False, True):
        # Small chunks, so that there is a middle.
        with local(tmp_path / str(kill), model, {"SEGUE_BATCH_SIZE": "5"}) as run:
            run.replay(dataset, beginning)
            model_registry.register(run.postgres, challenger)
            beforehand = compare(current_profiles(run.postgres), model, challenger).movers
            with _held_in_the_middle(run) if kill else nullcontext():
                sent = model_activation.activate(run.replaying, challenger)
                if kill:
                    _kill_in_the_middle(run)
            model_activation.wait(run.replaying, sent, lambda _: None)
            assert moves(run) == _as_moves(beforehand)
            assert check(run.settings.database, dataset, history=True).differences.empty
            results.append((stored(run.postgres), subscribed(run)))
    assert results[0] == results[1]


def test_before_any_worker_has_started_the_alias_is_all_there_is_to_move(
    medium_model: SegmentModel, challenger: SegmentModel, tmp_path: Path
) -> None:
    model = medium_model
    with Stack(tmp_path) as stack:
        settings = Settings(state_dir=tmp_path)
        with session(settings, max_lag=1_000) as open_session:
            postgres = open_session.postgres
            for each in (model, challenger):
                model_registry.register(postgres, each)
            with pytest.raises(model_activation.ActivationError, match="partition 0, 1, 2, 3 yet"):
                model_activation.activate(open_session, challenger)
            assert model_activation.make_champion_before_start(postgres, challenger)
            stack.start_worker()
            wait_for_worker(open_session)
            assert {row.model_version for row in progress.partitions(postgres)} == {challenger.version}
            assert not model_activation.make_champion_before_start(postgres, model)
            assert model_registry.champion_version(postgres) == challenger.version


def _everybody(dataset: Dataset) -> pd.DataFrame:
    return profiles_as_of(dataset.transactions, dataset.report.last + timedelta(days=1))


@contextmanager
def _held_in_the_middle(run: Local) -> Iterator[None]:
    """Let no partition get further with rescoring than to the middle of its customers while the block runs.

    Customers are rescored in the order of their ids. The row of one in the middle of each partition is locked.
    """
    numbered = select(
        customers.c.customer_id,
        func.row_number().over(partition_by=customers.c.partition, order_by=customers.c.customer_id).label("place"),
        func.count().over(partition_by=customers.c.partition).label("all"),
    ).subquery()
    middle = select(numbered.c.customer_id).where(numbered.c.place == numbered.c.all // 2)
    with run.postgres.begin() as connection:
        locked = connection.execute(select(customers).where(customers.c.customer_id.in_(middle)).with_for_update())
        assert len(locked.all()) == run.replaying.identity.partitions
        yield


def _kill_in_the_middle(run: Local) -> None:
    """SIGKILL while some customers are under the new model and others are not."""
    everybody = progress.customers_known(run.postgres)
    wait_until(lambda: 0 < progress.customers_outdated(run.postgres) < everybody * 3 // 4)
    os.kill(run.worker.pid, signal.SIGKILL)
    assert progress.customers_outdated(run.postgres) > 0


def moves(run: Local) -> Moves:
    """The customers that a model has moved, each once."""
    change = segment_changes.c
    query = select(change.customer_id, change.from_segment, change.to_segment).where(change.cause == "model")
    with run.postgres.connect() as connection:
        rows = connection.execute(query).all()
    found = {row.customer_id: (row.from_segment, row.to_segment) for row in rows}
    assert len(found) == len(rows)
    return found


def expected_moves(run: Local, dataset: Dataset, before: SegmentModel, after: SegmentModel) -> Moves:
    """The customers that :func:`compare` moves, on profiles that pandas counts from the log before the model."""
    known, as_of = _before_the_model(run)
    transactions = dataset.transactions
    seen = transactions[transactions["transaction_id"].isin(known)]
    profiles = histories(seen)
    profiles = profiles[profiles["frequency"] > 0]
    moment = pd.concat([profiles["last_event_at"], pd.Series(as_of).reindex(profiles.index)], axis=1).max(axis=1)
    profiles["recency_days"] = (moment - profiles["last_purchase_at"]).dt.days
    return _as_moves(compare(profiles, before, after).movers)


def _as_moves(movers: pd.DataFrame) -> Moves:
    return dict(zip(movers.index, zip(movers["before"], movers["after"], strict=True), strict=True))


def _before_the_model(run: Local) -> tuple[set[str], dict[str, pd.Timestamp]]:
    """Transactions before the model in their partition, and the newest tick before it for each of their customers."""
    decoder = msgspec.json.Decoder(TransactionHeader | Tick | ModelActivation)
    known: set[str] = set()
    as_of: dict[str, pd.Timestamp] = {}
    for partition in range(run.replaying.identity.partitions):
        tick = pd.Timestamp.min.tz_localize("UTC")
        own: set[str] = set()
        for value in _records(run, partition):
            match decoder.decode(value):
                case TransactionHeader() as transaction:
                    known.add(transaction.transaction_id)
                    own.add(transaction.customer_id)
                case Tick(at):
                    tick = max(tick, pd.Timestamp(at))
                case _:
                    break
        else:
            raise AssertionError(f"there is no model in partition {partition}")
        as_of |= dict.fromkeys(own, tick)
    return known, as_of


def _records(run: Local, partition: int) -> Iterator[bytes]:
    topic = run.settings.transactions_topic
    for message in read_topic(run.settings.brokers, topic, "test", partitions=[partition], patience=300):
        yield message.value() or b""


def subscribed(run: Local) -> dict[tuple[str, int], dict[str, object]]:
    """The changes of a subscriber that drops repeats."""
    return {(event["customer_id"], event["sequence"]): event for event in run.topic()}
