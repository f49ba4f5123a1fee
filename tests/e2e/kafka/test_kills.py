"""On a real Kafka: API, ingestion and clocks are killed again and again under load, and nothing is lost or doubled.

``SEGUE_TEST_KILLS=20`` makes it a long run, and ``-s`` shows what it counted; docs/reliability.md has the last one.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from data.contract.wire import Tick
from data.kafka.log import create_topics
from data.postgres import api_keys
from data.postgres.tables import customers, segment_changes, stream_progress, transactions
from models.units import from_micros, to_micros
from segue.local.apache.broker import ApacheBroker
from segue.local.ports import free_ports
from services.ingest import dead_letters
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import InMemoryPartition, Record
from tests.support.kafka_envelopes import MAPPING
from tests.support.kafka_records import headers, read
from tests.support.live_load import Posting, Sleepers, Topic
from tests.support.local_stack import Local, local, wait_until
from tests.support.service_kills import Kills, started_clocks
from tests.support.web import answers
from tests.support.wrong_clock import WrongClock

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3_600)]

KILLS = int(os.environ.get("SEGUE_TEST_KILLS", "2"))
TOPIC = "orders"


@dataclass
class Live:
    """A stack with API, ingestion and clocks, on which orders come in."""

    running: Local
    address: str
    posting: Posting
    topic: Topic
    sleepers: Sleepers

    def ledger(self) -> list[str]:
        """The ids of all transactions in the ledger."""
        with self.running.postgres.connect() as connection:
            return list(connection.execute(select(transactions.c.transaction_id)).scalars())

    def watermarks(self) -> dict[int, int]:
        """The watermark of every partition, in microseconds."""
        columns = stream_progress.c
        with self.running.postgres.connect() as connection:
            rows = connection.execute(select(columns.partition, columns.event_time)).all()
        return {partition: 0 if moment is None else to_micros(moment) for partition, moment in rows}

    def goes_on(self) -> None:
        """Wait until the API answers, orders of all sources come in, and time passes."""
        wait_until(lambda: answers(f"{self.address}/readyz"))
        posted, known, passed = len(self.posting.acknowledged), len(self.ledger()), min(self.watermarks().values())
        ingested = sum(number.startswith("o") for number in self.ledger())
        wait_until(lambda: len(self.posting.acknowledged) > posted)
        wait_until(lambda: len(self.ledger()) > known and min(self.watermarks().values()) > passed)
        wait_until(lambda: sum(number.startswith("o") for number in self.ledger()) > ingested)

    def stop(self) -> None:
        """Stop the load."""
        for load in (self.posting, self.topic, self.sleepers):
            load.stop()
        self.running.replaying.writer.flush(300)


@contextmanager
def live(running: Local, address: str) -> Iterator[Live]:
    """Put load on a stack whose API answers."""
    key = api_keys.create(running.postgres, "tests", ["write"])
    brokers, write = running.settings.brokers, running.replaying.writer.transaction
    loaded = Live(running, address, Posting(address, key, 2), Topic(brokers, TOPIC), Sleepers(write))
    try:
        yield loaded
    finally:
        loaded.stop()


def say(counted: str) -> None:
    """Print what was counted, which pytest shows with ``-s``."""
    print(counted)  # noqa: T201


def the_log(running: Local) -> list[list[Record]]:
    """The records of every partition."""
    partitions: dict[int, list[Record]] = {}
    for message in read(running.settings.brokers, running.settings.topics.transactions):
        offset, partition = message.offset(), message.partition()
        assert offset is not None
        assert partition is not None
        _, milliseconds = message.timestamp()
        record = Record(offset, message.key(), message.value(), milliseconds, list(headers(message).items()))
        partitions.setdefault(partition, []).append(record)
    return [partitions[number] for number in sorted(partitions)]


def ticks_of(records: list[Record]) -> list[int]:
    """The ticks of a partition in the order of the log, in microseconds."""
    decoder = msgspec.json.Decoder(Tick)
    return [to_micros(decoder.decode(each.value).at) for each in records if each.key is None and each.value]


def test_nothing_is_lost_or_doubled_though_api_ingestion_and_clocks_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(MAPPING)
    with local(tmp_path / "stack", a_model(), broker="apache") as running:
        broker = running.stack.broker
        assert isinstance(broker, ApacheBroker)
        create_topics(running.settings.brokers, {TOPIC: {}}, 4)
        (port,) = free_ports(1)
        api, ingest = running.stack.start_api(port), running.stack.start_ingest(TOPIC, mapping)
        clocks, wrong = started_clocks(running, monkeypatch), WrongClock(running)
        kills = Kills(running, wrong, clocks)
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{address}/readyz"))
        with wrong.ticking():
            with live(running, address) as stream:
                for number in range(KILLS):
                    stream.goes_on()
                    kills.clock(number)
                    kills.process(api, "api", number)
                    kills.process(ingest, "ingest", number)
                    if number == KILLS // 2:
                        broker.kill_one(0)
                stream.goes_on()
            wrong.ahead = timedelta(0)
            last = to_micros(max(stream.sleepers.due.values()))
            wait_until(lambda: min(stream.watermarks().values()) > last)
        for clock in clocks.values():
            running.stack.dismiss(clock)
        say("\n" + ", ".join(f"{count} {what}" for what, count in sorted(kills.done.items())))
        check_orders(stream)
        log = the_log(running)
        wait_until(lambda: stream.watermarks() == {number: max(ticks_of(part)) for number, part in enumerate(log)})
        check_ticks(log, wrong, sum(kills.done.values()))
        check_changes(stream, log)
        running.stack.dismiss(ingest)
        assert ingest.exit_code == 0


def check_orders(stream: Live) -> None:
    """Acknowledged orders, and those of the topic, are in the ledger and counted once; what can't be used is kept."""
    acknowledged, ordered, slept = set(stream.posting.acknowledged), stream.topic.orders, set(stream.sleepers.due)
    wait_until(lambda: acknowledged | ordered | slept <= set(stream.ledger()))
    assert len(acknowledged) == len(stream.posting.acknowledged) > 0
    known = stream.ledger()
    assert len(known) == len(set(known))
    assert set(known) <= stream.posting.sent | ordered | slept
    with stream.running.postgres.connect() as connection:
        counted = connection.execute(select(func.sum(customers.c.frequency))).scalar_one()
    assert counted == len(known), "every order counts once"
    settings = stream.running.settings

    def letters() -> int:
        return len(dead_letters.of_topic(settings.brokers, settings.dead_letters_topic, TOPIC))

    wait_until(lambda: letters() == stream.topic.unusable)
    assert stream.topic.unusable > 0
    say(
        f"acknowledged {len(acknowledged):,}, in the topic {len(ordered):,}: all in the ledger, 0 doubled; "
        f"{stream.topic.unusable} dead letters, all expected"
    )


def check_ticks(log: list[list[Record]], wrong: WrongClock, kills: int) -> None:
    """No tick is lost or doubled, and ticks grow, but for those of a clock that was interrupted while it sent them."""
    ticks = [ticks_of(records) for records in log]
    doubled = sum(count - 1 for own in ticks for count in Counter(own).values())
    everywhere = set.intersection(*map(set, ticks))
    lost = {to_micros(tick) for tick in wrong.ticks} - everywhere
    incomplete = set.union(*map(set, ticks)) - everywhere
    back = [at for own in ticks for at, newest in zip(own[1:], accumulate(own, max), strict=False) if at < newest]
    gaps = [later - earlier for own in ticks for earlier, later in pairwise(sorted(own))]
    say(
        f"{len(everywhere):,} ticks: {len(lost)} lost, {doubled} doubled, {len(incomplete)} in some partitions only, "
        f"{len(set(back))} behind a newer one; longest pause {max(gaps) / 1e6:.1f} s"
    )
    assert (doubled, lost) == (0, set())
    assert len(incomplete) + len(set(back)) <= kills


def check_changes(stream: Live, log: list[list[Record]]) -> None:
    """Changes are those that a worker that nobody disturbs makes of the same log, and no decay is left."""
    model = a_model()
    undisturbed = [InMemoryPartition(model, number, len(log)).run(records) for number, records in enumerate(log)]
    expected = {
        (row.customer_id, row.sequence): (row.from_segment, row.to_segment, row.cause, from_micros(row.effective_at))
        for partition in undisturbed
        for row in partition.changes
    }
    columns = segment_changes.c
    what = (columns.from_segment, columns.to_segment, columns.cause, columns.effective_at)
    with stream.running.postgres.connect() as connection:
        rows = connection.execute(select(columns.customer_id, columns.sequence, *what)).all()
        same_partition = stream_progress.c.partition == customers.c.partition
        overdue = select(func.count()).select_from(customers).join(stream_progress, same_partition)
        due = customers.c.next_change_at <= stream_progress.c.event_time
        left = connection.execute(overdue.where(due)).scalar_one()
    stored = {(row.customer_id, row.sequence): tuple(row)[2:] for row in rows}
    assert stored == expected
    assert left == 0
    slept = {
        customer
        for customer, due_at in stream.sleepers.due.items()
        for (_, _, cause, at) in (stored.get((customer, 2), (None, None, None, None)),)
        if cause == "decay" and at == due_at
    }
    decays = sum(cause == "decay" for _, _, cause, _ in stored.values())
    assert slept
    say(f"{decays:,} decays, {len(slept):,} of them at a moment that came during the run: 0 missed, {left} left")
