import pytest

from runtime.topics import Topics
from segue.doctor import kafka
from segue.doctor.kafka import KeyedRecord, Topic

TOPICS = Topics("log", "changes", "segments", "dead", "drift")
KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "min.insync.replicas": "2", "retention.bytes": "-1"}


def topic(partitions: int = 4, replicas: int = 3, configuration: dict[str, str] | None = None) -> Topic:
    return Topic("id", partitions, replicas, KEPT | (configuration or {}))


def test_topics_with_different_numbers_of_partitions_are_a_problem() -> None:
    assert kafka.partition_counts({"log": topic(4), "changes": topic(4)}).level == "ok"
    found = kafka.partition_counts({"log": topic(4), "changes": topic(6)})
    assert (found.level, found.text) == ("problem", "the topics differ: changes 6, log 4")


def test_a_missing_topic_is_a_warning() -> None:
    found = kafka.partition_counts({"log": topic(), "changes": None})
    assert (found.level, found.text) == ("warning", "missing topics: changes")


@pytest.mark.parametrize(
    ("name", "changed", "level"),
    [
        ("log", {}, "ok"),
        ("log", {"cleanup.policy": "compact"}, "problem"),
        ("log", {"retention.ms": "604800000"}, "warning"),
        ("log", {"retention.bytes": "1000"}, "problem"),
        ("segments", {"cleanup.policy": "delete"}, "problem"),
        ("segments", {"cleanup.policy": "compact"}, "ok"),
        ("dead", {"max.message.bytes": "1048588"}, "warning"),
    ],
)
def test_a_topic_must_keep_its_records(name: str, changed: dict[str, str], level: str) -> None:
    assert [found.level for found in kafka.configuration(name, topic(configuration=changed), TOPICS)] == [level]


def test_a_broker_that_reports_no_configuration_is_a_warning() -> None:
    assert [found.level for found in kafka.configuration("log", Topic("id", 4, 1, None), TOPICS)] == ["warning"]


@pytest.mark.parametrize(
    ("replicas", "in_sync", "level"), [(1, "1", "warning"), (3, "1", "problem"), (3, "2", "ok"), (3, "3", "warning")]
)
def test_a_lost_broker_must_lose_no_record(replicas: int, in_sync: str, level: str) -> None:
    topics = {"log": topic(replicas=replicas, configuration={"min.insync.replicas": in_sync})}
    assert kafka.replication(topics, 3).level == level


@pytest.mark.parametrize(("value", "level"), [("true", "ok"), ("false", "problem"), (None, "warning")])
def test_the_broker_must_verify_transactions(value: str | None, level: str) -> None:
    assert kafka.verification(value).level == level


def test_a_record_that_murmur2_would_not_put_there_is_a_problem() -> None:
    records = [KeyedRecord("log", 0, 7, b"a"), KeyedRecord("log", 1, 8, b"b")]
    assert kafka.partitioner(records, lambda key, _: {b"a": 0, b"b": 1}[key]).level == "ok"
    found = kafka.partitioner(records, lambda _key, _topic: 0)
    assert found.level == "problem"
    assert found.text == "1 of 2 recent records are in the wrong partition, for example log 1:8"


def test_stored_offsets_of_another_log_are_a_problem() -> None:
    assert kafka.log_identity({"c/new": 4}, "c/new").level == "ok"
    assert kafka.log_identity({}, "c/new").level == "ok"
    found = kafka.log_identity({"c/old": 3, "c/new": 1}, "c/new")
    assert (found.level, "3 partitions" in found.text) == ("problem", True)
