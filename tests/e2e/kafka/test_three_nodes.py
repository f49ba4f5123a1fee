"""A Kafka of three nodes: one of them may die at any time, and the stream recovers by itself."""

from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from data.datasets.dataset import Dataset
from data.kafka.log import create_topics
from data.postgres import progress
from models.segment_model import SegmentModel
from runtime.settings import Settings
from segue.local.apache.broker import ApacheBroker
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import ReplayGate, running
from segue.local.stack import Stack, StackError
from tests.support.local_stack import wait_until
from tests.support.partwise_run import PartwiseRun, assert_right_so_far

pytestmark = pytest.mark.kafka

NODES = 3
PARTS = 8
ROUNDS = 5
# So small that a node dies between micro-batches of a part.
BATCH_SIZE = "50"


def every_node_knows_a_new_topic(settings: Settings) -> None:
    nodes = str(settings.brokers.config["bootstrap.servers"]).split(",")
    assert len(nodes) == NODES
    for _ in range(ROUNDS):
        new = {uuid4().hex for _ in range(8)}
        create_topics(settings.brokers, {name: {} for name in new}, 4, NODES)
        for node in nodes:
            assert new <= AdminClient({"bootstrap.servers": node}).list_topics(timeout=60).topics.keys()


@pytest.mark.timeout(1_800)
def test_each_of_three_nodes_dies_in_turn_and_the_result_is_the_same(
    medium_dataset: Dataset,
    medium_model: SegmentModel,
    medium_expected: StoredOutcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGUE_BATCH_SIZE", BATCH_SIZE)
    with running(tmp_path, "apache", medium_model, workers=2, max_lag=2_000, nodes=NODES) as run:
        broker = run.stack.broker
        assert isinstance(broker, ApacheBroker)
        every_node_knows_a_new_topic(run.settings)
        parts = PartwiseRun(run, medium_dataset)
        for number in range(NODES):
            gate = ReplayGate()
            replay = parts.next(gate, PARTS)
            broker.kill_one(number)
            parts.finish(gate, replay)
            assert_right_so_far(parts, medium_expected)
            # The next node may die once three run again.
            wait_until(lambda: not broker.died and broker.complete)
        assert run.outcome().history.repeats == 0
        assert progress.totals(run.replaying.postgres).duplicates == 0
    with pytest.raises(StackError, match=r"holds a Kafka of 3 nodes: .*--nodes 3"), Stack(tmp_path, "apache"):
        pass
