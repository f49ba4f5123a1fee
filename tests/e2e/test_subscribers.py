"""Subscribers read records that follow the contract and agree with Postgres."""

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Place
from aiokafka.partitioner import DefaultPartitioner
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from jsonschema import Draft202012Validator, FormatChecker
from sqlalchemy import text

from data.contract import asyncapi
from data.datasets.dataset import Dataset
from data.postgres import progress
from models.rhythm.carried import carrying
from models.segment_model import SegmentModel
from stream_app.outbox.snapshot import publish_snapshot
from tests.support.brokers import BOTH_BROKERS
from tests.support.commands import Done, tried
from tests.support.kafka_records import StoredRecord, stored_records
from tests.support.local_stack import Local, local, wait_until
from tests.support.rhythm import a_rhythm
from tests.support.sections import section

HALF = 6_000
KILLS = 5
GARBAGE = 2  # records that become dead letters
SAMPLE = 2_000  # of a topic: checking a schema takes its time
SNAPSHOTS = 3
# Slow enough to last longer than the snapshots do, and fast enough to move customers all the time.
BUSY = "20d/s"
SPENT = Decimal(1000)
SERVICE = Path(__file__).parents[2] / "examples" / "reengagement" / "reengagement.py"

LATEST = """
select distinct on (customer_id) customer_id, to_segment, effective_at, monetary, sequence
from segment_changes order by customer_id, sequence desc
"""


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def run(
    request: pytest.FixtureRequest, dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Local]:
    """A stack that has replayed the first transactions, and read a few records that are not transactions."""
    predicting = carrying(model, a_rhythm())
    with local(tmp_path_factory.mktemp("subscribers"), predicting, broker=request.param) as running:
        running.replaying.writer.transaction(b"12345", b'{"type": "transaction", "amount": "free"}')
        running.replaying.writer.transaction(b"12346", b"\xff\x00 not even text")
        running.replay(dataset, section(dataset, 0, HALF))
        # Dead letters are published after the commit that makes them rows.
        wait_until(lambda: len(_records(running, running.settings.dead_letters_topic)) >= GARBAGE)
        yield running


def _records(run: Local, topic: str) -> list[StoredRecord]:
    return stored_records(run.settings.brokers, topic)


def _latest(run: Local) -> dict[str, Any]:
    with run.postgres.connect() as connection:
        return {row.customer_id: row for row in connection.execute(text(LATEST))}


def _segue(run: Local, *arguments: str) -> Done:
    return tried(run.stack.state_dir, *arguments)


# --- The contract ---


def _checkers(channel: str) -> tuple[list[Draft202012Validator], Draft202012Validator | None]:
    """Validators of the values and the headers in a topic, which allow documented fields only."""
    content = asyncapi.document()
    for schema in content["components"]["schemas"].values():
        schema["additionalProperties"] = schema["title"] == "SegmentModel"
    formats = FormatChecker(formats=())
    formats.checks("date-time", raises=ValueError)(_is_moment)

    def checker(reference: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({"components": content["components"], **reference}, format_checker=formats)

    messages = [asyncapi.resolve(content, each) for each in content["channels"][channel]["messages"].values()]
    headers = messages[0].get("headers")
    return [checker(message["payload"]) for message in messages], headers and checker(headers)


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@pytest.mark.parametrize(
    ("channel", "at_least"),
    [("transactions", HALF), ("segmentChanges", 1_500), ("customerSegments", 1_000), ("riskChanges", 1_000)],
)
def test_every_message_of_a_replay_is_as_the_contract_says(run: Local, channel: str, at_least: int) -> None:
    values, headers = _checkers(channel)
    address = asyncapi.document()["channels"][channel]["address"]
    garbage = {record.value for record in _records(run, run.settings.dead_letters_topic)}
    records = [record for record in _records(run, address) if record.value not in garbage]
    assert len(records) >= at_least
    for record in records[:: len(records) // SAMPLE + 1]:
        value = json.loads(record.value or b"")
        problems = [list(each.iter_errors(value)) for each in values]
        assert sum(not problem for problem in problems) == 1, min(problems, key=len)
        assert headers is not None
        headers.validate({name: content.decode() for name, content in record.headers.items()})
        customer = value.get("customer_id", value.get("subject"))
        assert record.key == (customer.encode() if customer else None)


def test_dead_letters_are_the_original_bytes_with_the_headers_of_the_contract(run: Local) -> None:
    _, headers = _checkers("deadLetters")
    letters = _records(run, run.settings.dead_letters_topic)
    log = {(record.partition, record.offset): record for record in _records(run, run.settings.transactions_topic)}
    assert len(letters) == 2
    for letter in letters:
        said = {name: content.decode() for name, content in letter.headers.items()}
        assert headers is not None
        headers.validate(said)
        original = log[int(said["segue-partition"]), int(said["segue-offset"])]
        assert (letter.key, letter.value) == (original.key, original.value)


# --- CloudEvents ---


def test_the_sdk_of_cloudevents_reads_every_event(run: Local) -> None:
    seen = []
    for topic, kind, source in (
        (run.settings.changes_topic, "segue.segment.changed.v1", "/segue/stream"),
        (run.settings.segments_topic, "segue.customer.segment.v1", "/segue/customers"),
        (run.settings.risk_changes_topic, "segue.risk.changed.v1", "/segue/risk"),
    ):
        ids = []
        for record in _records(run, topic):
            event = from_structured_event(KafkaMessage(record.headers, record.key, record.value or b""))
            data = event.get_data()
            assert isinstance(data, dict)
            assert (event.get_specversion(), event.get_type(), event.get_source()) == ("1.0", kind, source)
            assert event.get_subject() == data["customer_id"]
            assert event.get_id() == f"{data['customer_id']}:{data['sequence']}"
            moment = data.get("effective_at") or data["since"]
            assert event.get_time() == datetime.fromisoformat(moment)
            ids.append(event.get_id())
        assert len(ids) > 1_000
        seen += [(source, each) for each in ids]
    assert len(seen) == len(set(seen)), "source and id tell every event from every other"


def _check_headers(run: Local, records: list[StoredRecord]) -> None:
    """A consumer may choose records by their headers alone."""
    names = {"content-type", "ce_type", "ce_id", "to", "cause", "log_id"}
    with run.postgres.connect() as connection:
        rows = connection.execute(text("select customer_id, sequence, cause from segment_changes")).all()
    causes = {f"{row.customer_id}:{row.sequence}": row.cause for row in rows}
    for record in records:
        event = json.loads(record.value or b"")
        said = {name: content.decode() for name, content in record.headers.items()}
        assert set(said) == names
        assert (said["ce_type"], said["ce_id"]) == (event["type"], event["id"])
        assert said["to"] == (event["data"].get("to") or event["data"]["segment"])["id"]
        assert said["cause"] == causes[event["id"]]
        assert said["log_id"] == run.replaying.identity.log_id


def test_headers_say_what_the_value_says_and_which_log_it_comes_from(run: Local) -> None:
    for topic in (run.settings.changes_topic, run.settings.segments_topic):
        records = _records(run, topic)
        assert len(records) > 1_000
        _check_headers(run, records)


@pytest.mark.parametrize("kind", ["changes", "risk_changes"])
def test_a_customers_changes_are_numbered_from_1_without_gaps_and_hang_together(run: Local, kind: str) -> None:
    chains = defaultdict(list)
    for record in _records(run, getattr(run.settings.topics, kind)):
        data = json.loads(record.value or b"")["data"]
        chains[data["customer_id"]].append(data)
    assert sum(map(len, chains.values())) > len(chains)
    for chain in chains.values():
        assert [change["sequence"] for change in chain] == list(range(1, len(chain) + 1))
        assert chain[0]["from"] is None
        assert all(after["from"] == before["to"] for before, after in pairwise(chain))


# --- Other clients ---


async def _aiokafka(servers: str, topic: str, partitions: int) -> list[Any]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        places = [Place(topic, number) for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Any] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def test_a_client_that_is_neither_ours_nor_librdkafka_reads_the_changes(run: Local) -> None:
    partitions = list(range(run.replaying.identity.partitions))
    found = asyncio.run(_aiokafka(run.settings.brokers.servers, run.settings.changes_topic, len(partitions)))
    with run.postgres.connect() as connection:
        rows = connection.execute(text("select customer_id, sequence, to_segment from segment_changes")).all()
    read = [json.loads(record.value)["data"] for record in found]
    assert sorted((data["customer_id"], data["sequence"], data["to"]["id"]) for data in read) == sorted(
        map(tuple, rows)
    )
    # Its own partitioner, which is that of Kafka's Java client, would have put every record where it is.
    partitioner = DefaultPartitioner()
    assert all(record.partition == partitioner(record.key, partitions, partitions) for record in found)


# --- The command line ---


@pytest.mark.parametrize("source", [(), ("--topic",)], ids=["postgres", "topic"])
def test_changes_can_be_chosen_by_a_filter(run: Local, source: tuple[str, ...]) -> None:
    with run.postgres.connect() as connection:
        query = "select customer_id, sequence from segment_changes where cause = 'decay' and monetary > 1000.5"
        expected = {(row.customer_id, row.sequence) for row in connection.execute(text(query))}
    assert expected
    found = _segue(run, "changes", *source, "--where", "cause = decay and monetary > 1000.5")
    assert found.returncode == 0, found.stderr
    data = [json.loads(line)["data"] for line in found.stdout.splitlines()]
    assert {(change["customer_id"], change["sequence"]) for change in data} == expected
    assert len(data) == len(expected)


def test_following_ends_with_the_wanted_change(run: Local) -> None:
    found = _segue(run, "changes", "--follow", "--topic", "--where", "sequence >= 2 and from != none", "--limit", "1")
    assert json.loads(found.stdout)["data"]["sequence"] >= 2


# --- The example service ---


def _start(run: Local, file: Path, segment: str) -> "subprocess.Popen[bytes]":
    options = {
        "--bootstrap-servers": run.settings.brokers.servers,
        "--file": str(file),
        "--segment": segment,
        "--spent": str(SPENT),
        "--batch": "5",
    }
    return subprocess.Popen([sys.executable, str(SERVICE), *(word for pair in options.items() for word in pair)])


def _query(file: Path, query: str) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=300) as sqlite:
        try:
            return sqlite.execute(query).fetchall()
        except sqlite3.OperationalError:  # the tables are not there yet
            return []


def _list(file: Path) -> list[tuple[Any, ...]]:
    rows = _query(file, "select customer_id, entered_at, spent, sequence from reengagement order by customer_id")
    return [(customer, datetime.fromisoformat(at), Decimal(spent), number) for customer, at, spent, number in rows]


def _seen(file: Path) -> dict[str, int]:
    return dict(_query(file, "select customer_id, sequence from seen"))


def _read(file: Path) -> int:
    return sum(offset for (offset,) in _query(file, "select next_offset from offsets"))


def _expected(run: Local, segment: str) -> list[tuple[Any, ...]]:
    return sorted(
        (row.customer_id, row.effective_at, row.monetary, row.sequence)
        for row in _latest(run).values()
        if row.to_segment == segment and row.monetary > SPENT
    )


def _fullest_segment(run: Local) -> str:
    return max({str(row.to_segment) for row in _latest(run).values()}, key=lambda segment: len(_expected(run, segment)))


def test_the_example_service_killed_again_and_again_ends_with_what_postgres_has(
    run: Local, dataset: Dataset, tmp_path: Path
) -> None:
    file, segment = tmp_path / "list.sqlite", _fullest_segment(run)
    replay = Thread(target=run.replay, args=(dataset, section(dataset, HALF, 2 * HALF)))
    service = _start(run, file, segment)
    wait_until(lambda: _read(file) > 0)
    begun = _read(file)
    replay.start()
    reached = [begun]
    for _ in range(KILLS):
        wait_until(lambda: _read(file) > reached[-1])
        reached.append(_read(file))
        service.send_signal(signal.SIGKILL)
        service.wait()
        service = _start(run, file, segment)
    replay.join()
    latest = {customer: row.sequence for customer, row in _latest(run).items()}
    expected = _expected(run, segment)
    try:
        wait_until(lambda: _seen(file) == latest and _list(file) == expected)
        # The last process may still be starting.
        wait_until(lambda: _handles(service.pid, signal.SIGTERM))
    finally:
        service.terminate()
    assert service.wait() == 0
    assert len(expected) > 20
    # The service did not read the changes from before its first start.
    assert begun >= 1_500


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    [handled] = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(handled, 16) >> (number - 1) & 1)


# --- The snapshot ---


def test_a_snapshot_says_every_customers_state_again_and_changes_nothing_else(run: Local) -> None:
    before = _records(run, run.settings.segments_topic)
    changes = len(_records(run, run.settings.changes_topic))
    done = _segue(run, "publish-snapshot")
    assert done.returncode == 0, done.stderr
    after = _records(run, run.settings.segments_topic)
    places = {(record.partition, record.offset) for record in before}
    said_again = [record for record in after if (record.partition, record.offset) not in places]
    last_word = {record.key: json.loads(record.value or b"") for record in before}
    for record in said_again:
        event = json.loads(record.value or b"")
        assert event.pop("snapshot") is True
        assert event == last_word[record.key], "a snapshot is the latest state, word for word"
    _check_headers(run, said_again)
    customers = sorted((record.key or b"").decode() for record in said_again)
    assert customers == sorted(_latest(run))
    assert f"{len(customers):,} customers" in " ".join(done.stderr.split())
    assert len(_records(run, run.settings.changes_topic)) == changes


def test_a_snapshot_beside_a_busy_worker_never_leaves_an_older_state_as_the_last_word(
    run: Local, dataset: Dataset
) -> None:
    before = progress.totals(run.postgres).transactions
    with run.in_background(dataset, section(dataset, 2 * HALF, 3 * HALF - HALF // 2), BUSY):
        # The worker is busy from its first new transaction on.
        wait_until(lambda: progress.totals(run.postgres).transactions > before)
        for _ in range(SNAPSHOTS):
            publish_snapshot(run.postgres, run.settings.brokers, run.settings.segments_topic)
    wait_until(lambda: _last_words(run) == {customer: row.sequence for customer, row in _latest(run).items()})


def _last_words(run: Local) -> dict[str, int]:
    """The sequence in the last record of every customer, which compaction would keep."""
    events = [json.loads(record.value or b"")["data"] for record in _records(run, run.settings.segments_topic)]
    return {data["customer_id"]: data["sequence"] for data in events}
