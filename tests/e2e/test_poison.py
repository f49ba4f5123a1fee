"""No record in the log stops the worker, and no record gets lost."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from sqlalchemy import select, text
from typer.testing import CliRunner

from data.postgres import progress
from data.postgres.tables import dead_letters, transactions
from segue.cli.app import app
from segue.local.ports import free_ports
from stream_app.stages import Stage
from tests.support.brokers import BOTH_BROKERS
from tests.support.generated_tables import a_model
from tests.support.kafka_records import Place, headers, read, write
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.poisoned_records import FatedRecord, Poisoner
from tests.support.web import get

PARTITIONS = 4
RECORDS = 3_000
LARGE = 8 * 1024 * 1024


@dataclass
class Poisoned:
    """A stack that has read the whole poisoned stream."""

    run: Local
    web: str
    worker: int
    sent: dict[Place, FatedRecord]

    def fated(self, fate: str) -> dict[Place, FatedRecord]:
        return {place: sent for place, sent in self.sent.items() if sent.fate == fate}


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def poisoned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poisoned]:
    [port] = free_ports(1)
    folder = tmp_path_factory.mktemp("poison")
    with local(folder, a_model(), {"SEGUE_WEB_PORT": str(port)}, request.param) as run:
        worker = run.worker.pid
        if request.param == "apache":
            _let_large_ones_in(run)
        sent = write(run.settings.brokers, run.settings.transactions_topic, Poisoner(11, PARTITIONS).stream(RECORDS))
        ends = Counter(partition for partition, _ in sent)
        wait_until(lambda: progress.next_offsets(run.postgres, run.replaying.identity.log_id) == ends)
        yield Poisoned(run, f"http://127.0.0.1:{port}", worker, sent)


def _let_large_ones_in(run: Local) -> None:
    """Allow records of more than a megabyte, which Kafka refuses by default."""
    admin, settings = AdminClient(run.settings.brokers.config), run.settings
    limit = ConfigEntry("max.message.bytes", str(LARGE), incremental_operation=AlterConfigOpType.SET)
    topics = (settings.transactions_topic, settings.dead_letters_topic)
    changes = [ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[limit]) for topic in topics]
    for change in admin.incremental_alter_configs(changes).values():
        change.result(10)


def test_every_record_is_applied_or_set_aside_and_the_counts_add_up(poisoned: Poisoned) -> None:
    totals = progress.totals(poisoned.run.postgres)
    assert len(poisoned.sent) > RECORDS
    assert totals.transactions == len(poisoned.fated("applied"))
    assert totals.duplicates == len(poisoned.fated("duplicate"))
    assert totals.dead_letters == len(poisoned.fated("dead"))
    with poisoned.run.postgres.connect() as connection:
        known = set(connection.execute(select(transactions.c.transaction_id)).scalars())
    assert known == {json.loads(sent.value or b"")["transaction_id"] for sent in poisoned.fated("applied").values()}


def test_every_dead_letter_is_in_postgres_with_its_bytes_and_a_reason(poisoned: Poisoned) -> None:
    with poisoned.run.postgres.connect() as connection:
        rows = connection.execute(select(dead_letters).where(dead_letters.c.retried_at.is_(None))).all()
    found = {(row.partition, row.offset): (row.key, row.value) for row in rows}
    assert found == {place: (sent.key, sent.value) for place, sent in poisoned.fated("dead").items()}
    assert all(row.reason and row.reason.isprintable() for row in rows)


def test_every_dead_letter_is_in_its_topic_once_with_its_bytes_and_where_it_came_from(poisoned: Poisoned) -> None:
    settings, dead = poisoned.run.settings, poisoned.fated("dead")
    # The relay may still be publishing the last ones.
    wait_until(lambda: len(read(settings.brokers, settings.dead_letters_topic)) >= len(dead))
    messages = read(settings.brokers, settings.dead_letters_topic)
    found = {}
    for message in messages:
        names = {name: value.decode() for name, value in headers(message).items()}
        assert names["segue-reason"]
        assert names["segue-topic"] == settings.transactions_topic
        found[(int(names["segue-partition"]), int(names["segue-offset"]))] = (message.key(), message.value())
    assert len(messages) == len(dead)
    assert found == {place: (sent.key, sent.value) for place, sent in dead.items()}


def test_the_worker_never_stumbled(poisoned: Poisoned) -> None:
    assert poisoned.run.worker.pid == poisoned.worker
    log = poisoned.run.worker.log_file.read_text()
    assert "will try again" not in log
    assert "reading again" not in log
    assert all(json.loads(line)["event"] for line in log.splitlines())


def test_health_and_metrics_report_what_happened(poisoned: Poisoned) -> None:
    assert get(f"{poisoned.web}/healthz").json() == {"alive": True}
    ready = get(f"{poisoned.web}/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (200, [])
    assert {number: row["lag_records"] for number, row in ready.json()["partitions"].items()} == {
        str(partition): 0 for partition in range(PARTITIONS)
    }
    totals = progress.totals(poisoned.run.postgres)
    assert _metric(poisoned, "segue_records_total") == len(poisoned.sent)
    assert _metric(poisoned, "segue_transactions_total") == totals.transactions
    assert _metric(poisoned, "segue_dead_letters_total") == totals.dead_letters
    assert _metric(poisoned, "segue_duplicate_transactions_total") == totals.duplicates
    assert _metric(poisoned, "segue_late_transactions_total") == totals.late
    assert _metric(poisoned, "segue_batch_records_sum") == len(poisoned.sent)
    for cause, changes in totals.changes.items():
        assert _metric(poisoned, f'segue_segment_changes_total{{cause="{cause}"}}') == changes
    assert _metric(poisoned, "segue_assigned_partitions") == PARTITIONS
    # Changes are published after everything above is committed.
    times = [f'segue_stage_seconds_count{{stage="{stage}"}}' for stage in Stage]
    wait_until(lambda: all(_metric(poisoned, name) > 0 for name in times))


def test_dead_letters_can_be_listed_shown_and_retried(poisoned: Poisoned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(poisoned.run.stack.state_dir))
    misplaced = {
        place: sent
        for place, sent in poisoned.fated("dead").items()
        if sent.key and sent.key.startswith(b"C") and (sent.value or b"").startswith(b'{"type":"transaction"')
    }
    listed = json.loads(_segue("dlq", "list", "--json", "--reason", "murmur2_random", "--limit", "1000"))
    wrong_partition = {tuple(map(int, letter["id"].split(":"))) for letter in listed["dead_letters"]}
    assert wrong_partition
    assert wrong_partition <= misplaced.keys()
    assert sum(reason["waiting"] for reason in listed["reasons"]) == len(wrong_partition)

    (partition, offset), *_ = wrong_partition
    shown = _segue("dlq", "show", f"{partition}:{offset}")
    original = json.loads(misplaced[(partition, offset)].value or b"")
    assert original["transaction_id"] in shown
    assert "retried: no" in shown
    assert _segue("dlq", "show", "--raw", f"{partition}:{offset}").encode() == misplaced[(partition, offset)].value

    # The producer's partitioner has been mended: this time every key finds its partition.
    before, dead = applied(poisoned.run), progress.totals(poisoned.run.postgres).dead_letters
    _segue("dlq", "retry", f"{partition}:{offset}")
    wait_until(lambda: applied(poisoned.run) == before + 1)
    _segue("dlq", "retry", "--reason", "murmur2_random")
    wait_until(lambda: applied(poisoned.run) == before + len(wrong_partition))
    assert progress.totals(poisoned.run.postgres).dead_letters == dead
    assert "retried: 20" in _segue("dlq", "show", f"{partition}:{offset}")
    again = json.loads(_segue("dlq", "list", "--json", "--reason", "murmur2_random"))
    assert [(row["waiting"], row["retried"]) for row in again["reasons"] if row["waiting"]] == []


def test_every_dead_letter_can_be_shown_whatever_it_holds(poisoned: Poisoned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(poisoned.run.stack.state_dir))
    assert "Dead letters by reason" in _segue("dlq", "list", "--limit", "1000")
    places = sorted(poisoned.fated("dead"))
    large = [at for at in places if len((poisoned.sent[at].value or b"") + (poisoned.sent[at].key or b"")) > 1_000_000]
    for partition, offset in [*places[:: len(places) // 40], *large]:
        shown = _segue("dlq", "show", f"{partition}:{offset}")
        assert f"offset: {offset}" in shown
        assert len(shown) < 20_000
        assert all(character.isprintable() or character == "\n" for character in shown)


def test_the_worker_has_no_more_rights_than_it_needs(poisoned: Poisoned) -> None:
    query = text("SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name ^@ 'segue-worker'")
    with poisoned.run.postgres.connect() as connection:
        assert connection.execute(query).scalars().all() == ["segue_worker_login"]


def test_what_is_still_poison_when_it_is_retried_is_a_dead_letter_again(
    poisoned: Poisoned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(poisoned.run.stack.state_dir))
    before = progress.totals(poisoned.run.postgres).dead_letters
    (partition, offset), *_ = [place for place, sent in poisoned.fated("dead").items() if sent.value == b"NaN"]
    _segue("dlq", "retry", f"{partition}:{offset}")
    wait_until(lambda: progress.totals(poisoned.run.postgres).dead_letters == before + 1)
    assert CliRunner().invoke(app, ["dlq", "retry"]).exit_code == 1
    assert CliRunner().invoke(app, ["dlq", "show", "first"]).exit_code == 1


def _segue(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _metric(poisoned: Poisoned, name: str) -> float:
    page = get(f"{poisoned.web}/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    assert found, f"{name} is not there"
    return float(found[1])
