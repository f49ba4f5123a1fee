"""Neither the death of a worker nor a repeated record changes the result."""

import os
import random
import signal
from pathlib import Path
from threading import Thread
from typing import Any

from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from producers.pace import Speed
from producers.replay import whole
from segue.local.soak.outcome import stored
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.undisturbed import Repeated, Undisturbed

KILLS = 5
# So many transactions are applied in small batches before a stack starts again.
SMALL_BATCHES = 2_500


def test_a_worker_killed_at_random_moments_leaves_what_an_undisturbed_one_leaves(
    dataset: Dataset, model: SegmentModel, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    total = len(dataset.transactions)
    moments = sorted(random.Random(5).sample(range(1, total * 9 // 10), KILLS))
    with local(tmp_path, model) as run:
        replay = Thread(target=run.replay, args=(dataset,))
        replay.start()
        for moment in moments:
            wait_until(lambda moment=moment: applied(run) >= moment)  # type: ignore[misc]
            _kill(run)
        replay.join()
        assert stored(run.postgres) == undisturbed.rows
        assert progress.totals(run.postgres).duplicates == 0
        assert _without_repeats(run.topic()) == _by_customer(undisturbed.topic)


def test_the_change_topic_has_every_change_once_and_in_order(undisturbed: Undisturbed) -> None:
    changes = undisturbed.rows["segment_changes"]
    events = [(event["customer_id"], event["sequence"]) for event in undisturbed.topic]
    assert sorted(events) == sorted(changes)
    for event in undisturbed.topic:
        row = changes[(event["customer_id"], event["sequence"])]
        assert event["cause"] == row["cause"]
        assert event["to"]["id"] == row["to_segment"]
        assert (event["from"] or {"id": None})["id"] == row["from_segment"]
    assert _without_repeats(undisturbed.topic) == _by_customer(undisturbed.topic)


def test_replaying_the_same_file_twice_changes_nothing(medium_dataset: Dataset, medium_runs: Repeated) -> None:
    once, twice = medium_runs.once, medium_runs.twice
    assert medium_runs.transactions == medium_runs.duplicates == len(medium_dataset.transactions)
    assert twice.rows == once.rows
    assert _by_customer(twice.topic) == _by_customer(once.topic)
    assert twice.states == once.states


def test_a_stack_that_starts_again_with_other_batches_goes_on_where_the_ledger_says(
    medium_dataset: Dataset, medium_model: SegmentModel, medium_undisturbed: Undisturbed, tmp_path: Path
) -> None:
    # Batches of 7, so that the worker does not apply everything at once; then of 5,000, and 20,000 are undisturbed.
    with local(tmp_path, medium_model, {"SEGUE_BATCH_SIZE": "7"}) as run:
        replay = run.replaying.replay(medium_dataset, lambda _: None)
        sending = Thread(target=replay.run, args=(whole(medium_dataset), Speed.parse("max")))
        sending.start()
        wait_until(lambda: applied(run) > SMALL_BATCHES)
        # The stack ends with records still on their way: the embedded broker forgets them.
        replay.stop()
        sending.join()
    with local(tmp_path, medium_model, {"SEGUE_BATCH_SIZE": "5000"}) as run:
        left = run.replaying.resumed(medium_dataset, whole(medium_dataset))
        assert left.start > 0
        run.replay(medium_dataset, left)
        assert stored(run.postgres) == medium_undisturbed.rows
        assert progress.totals(run.postgres).duplicates == 0


def _kill(run: Local) -> None:
    """Kill the worker, and wait until another process owns its partitions."""
    victim = run.worker.pid
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: all(not row.owner.endswith(f":{victim}") for row in progress.partitions(run.postgres)))


def _by_customer(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    result: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        result.setdefault(event["customer_id"], []).append(event)
    return result


def _without_repeats(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The changes of a subscriber that drops every sequence not greater than the last one."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for customer, own in _by_customer(events).items():
        kept[customer] = []
        for event in own:
            if event["sequence"] > len(kept[customer]):
                assert event["sequence"] == len(kept[customer]) + 1, "a change is missing"
                kept[customer].append(event)
    return kept
