"""Judgements about Kafka: the broker, the topics, and the records in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from runtime.counts import many
from runtime.topics import Topics
from segue.doctor.finding import CheckFinding, ok, problem, warning

_FULL_RETENTION = "-1"
_SAFE_REPLICAS = 3


class Topic(NamedTuple):
    """A topic as the broker describes it; ``configuration`` is None if the broker does not report it."""

    id: str
    partitions: int
    replicas: int
    configuration: Mapping[str, str] | None


class KeyedRecord(NamedTuple):
    """A record with a key, and where it is."""

    topic: str
    partition: int
    offset: int
    key: bytes


def partition_counts(topics: Mapping[str, Topic | None]) -> CheckFinding:
    """Whether all topics exist and have the same number of partitions; None is a topic that does not exist."""
    missing = sorted(name for name, topic in topics.items() if topic is None)
    counts = {name: topic.partitions for name, topic in topics.items() if topic is not None}
    if len({*counts.values()}) > 1:
        text = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        return problem("partitions", f"the topics differ: {text}", "make them equal: see docs/operations.md")
    if missing:
        advice = "a worker or a replay creates them, unless SEGUE_PARTITIONS is 0"
        return warning("partitions", f"missing topics: {', '.join(missing)}", advice)
    return ok(
        "partitions", f"{many(len(counts), 'topic')} with {many(next(iter(counts.values()), 0), 'partition')} each"
    )


def configuration(name: str, topic: Topic, wanted: Topics) -> list[CheckFinding]:
    """Whether a topic keeps what it has to keep."""
    found = topic.configuration
    if found is None:
        return [warning(f"topic {name}", "the broker does not report its configuration", "use a real Kafka")]
    results = []
    for key, value in wanted.configuration[name].items():
        if key not in found:
            continue
        have = found[key]
        if key == "cleanup.policy" and {*have.split(",")} != {value}:
            advice = f"set cleanup.policy={value}: otherwise records that are still needed disappear"
            results.append(problem(f"topic {name}", f"cleanup.policy is {have}", advice))
        elif key == "retention.ms" and _is_shorter(have, value):
            days = f"{int(have) / 86_400_000:,.1f} days"
            advice = f"set retention.ms={value}, or be sure that every reader is quicker, and that nothing is replayed"
            results.append(warning(f"topic {name}", f"records are deleted after {days}", advice))
        elif key == "max.message.bytes" and int(have) < int(value):
            advice = f"set max.message.bytes={value}: large dead letters can't be published"
            results.append(warning(f"topic {name}", f"max.message.bytes is {have}", advice))
    limit = found.get("retention.bytes", "-1")
    if limit != "-1" and wanted.configuration[name]["cleanup.policy"] == "delete":
        advice = "set retention.bytes=-1: records may be deleted before they are read"
        results.append(problem(f"topic {name}", f"retention.bytes is {limit}", advice))
    return results or [ok(f"topic {name}", f"id {topic.id}, keeps what it should")]


def _is_shorter(have: str, wanted: str) -> bool:
    return have != _FULL_RETENTION and (wanted == _FULL_RETENTION or int(have) < int(wanted))


def replication(topics: Mapping[str, Topic], brokers: int) -> CheckFinding:
    """Whether a broker may be lost without losing records."""
    replicas = min((topic.replicas for topic in topics.values()), default=0)
    in_sync = [
        int(topic.configuration["min.insync.replicas"])
        for topic in topics.values()
        if topic.configuration is not None and "min.insync.replicas" in topic.configuration
    ]
    least = min(in_sync, default=1)
    text = f"{replicas} replicas on {brokers} brokers, min.insync.replicas {least}"
    if replicas < _SAFE_REPLICAS:
        return warning("replication", text, "one lost disk loses the log: use 3 replicas, and back the log up")
    if least < 2:
        advice = "set min.insync.replicas=2: an acknowledged record may be on one broker only"
        return problem("replication", text, advice)
    if max(in_sync, default=least) >= replicas:
        return warning("replication", text, "min.insync.replicas must be below the replicas, or no broker may stop")
    return ok("replication", text)


def verification(value: str | None) -> CheckFinding:
    """Whether the broker verifies that a record belongs to an open Kafka transaction; None if it does not say."""
    name = "transaction.partition.verification.enable"
    if value is None:
        advice = "use Kafka 3.6 or newer: a late record may otherwise land in a transaction that has ended"
        return warning("broker", f"the broker has no setting {name}, or does not report it", advice)
    if value != "true":
        advice = f"set {name}=true on all brokers: a late record may land in a transaction that has ended"
        return problem("broker", f"{name} is {value}", advice)
    return ok("broker", f"Kafka 3.6 or newer; {name} is true")


def partitioner(records: Sequence[KeyedRecord], partition_of: Callable[[bytes, str], int]) -> CheckFinding:
    """Whether recent records are where murmur2 of their key puts them.

    Parameters
    ----------
    partition_of
        The partition for a key in a topic.
    """
    wrong = [each for each in records if partition_of(each.key, each.topic) != each.partition]
    if wrong:
        first = wrong[0]
        text = (
            f"{len(wrong)} of {len(records)} recent records are in the wrong partition, "
            f"for example {first.topic} {first.partition}:{first.offset}"
        )
        advice = "their producer must use murmur2_random (librdkafka's name); correct it before it sends more"
        return problem("partitioner", text, advice)
    return ok(
        "partitioner",
        many(len(records), "recent record is where murmur2 puts it", "recent records are where murmur2 puts them"),
    )


def log_identity(stored: Mapping[str, int], log_id: str) -> CheckFinding:
    """Whether the stored offsets belong to the log that the broker has; ``stored`` counts partitions by log id."""
    others = {name: count for name, count in stored.items() if name != log_id}
    if others:
        partitions = many(sum(others.values()), "partition has", "partitions have")
        text = f"{partitions} offsets of another log ({', '.join(sorted(others))})"
        advice = "the topic was made anew, or the database belongs to another Kafka: see docs/operations.md"
        return problem("log id", f"{text}; the broker has {log_id}", advice)
    return ok("log id", f"{log_id}{'' if stored else '; no worker has claimed a partition yet'}")
