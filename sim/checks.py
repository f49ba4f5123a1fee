"""What must be true of the tables when everything has drained."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.kafka.log_id import base_id
from sim.kafka.broker import Broker
from sim.oracle import Change, Counts, ExpectedOutcome, ExpectedProfile, Stored
from sim.postgres.server import PostgresServer
from sim.risk_oracle import ExpectedRiskChange, ExpectedRiskState

_MICROS = "(extract(epoch FROM {}) * 1000000)::int8"


def _micros(column: str) -> str:
    return _MICROS.format(column)


_PROFILES = f"""
SELECT customer_id, country, {_micros("first_purchase_at")}, {_micros("last_purchase_at")},
  {_micros("last_event_at")}, frequency, (gross * 10000)::int8, (returned * 10000)::int8, segment,
  {_micros("segment_since")}, sequence, model_version, {_micros("next_change_at")}, next_segment
FROM customers WHERE partition = %s ORDER BY customer_id
"""
_CHANGES = f"""
SELECT customer_id, sequence, from_segment, to_segment, cause, {_micros("effective_at")}, recency_days, frequency,
  (gross * 10000)::int8, (returned * 10000)::int8, model_version, transaction_id
FROM segment_changes WHERE partition = %s ORDER BY customer_id, sequence
"""
_LEDGER = f"""
SELECT customer_id, transaction_id, {_micros("occurred_at")}, kind, (amount * 10000)::int8, revision,
  country
FROM transactions ORDER BY customer_id, transaction_id
"""
_LETTERS = 'SELECT log_id, "offset", reason, key, value FROM dead_letters WHERE partition = %s ORDER BY 1, 2'
_PROGRESS = f"""
SELECT partition, log_id, next_offset, epoch, {_micros("event_time")}, model_version, change_position,
  published_position, changes_ahead, risk_position, risk_published_position, risk_changes_ahead
FROM stream_progress ORDER BY partition
"""
_COUNTS = """
SELECT transactions, duplicates, late, dead_letters, forgotten, revisions FROM stream_progress WHERE partition = %s
"""
_ACTIVATIONS = f"""
SELECT {_micros("activated_at")}, model_version FROM model_activations WHERE partition = %s ORDER BY 1, 2
"""
_PERIODS = f"""
SELECT {_micros("until")}, model_version, {_micros("since")} FROM model_reigns WHERE partition = %s ORDER BY 1, 2
"""
_RISKS = f"""
SELECT customer_id, state, {_micros("since")}, sequence, {_micros("next_at")}, rhythm_version
FROM risk_states WHERE partition = %s ORDER BY customer_id
"""
_RISK_CHANGES = f"""
SELECT customer_id, sequence, from_state, to_state, cause, {_micros("effective_at")}, frequency,
  {_micros("last_purchase_at")}, next_state, {_micros("next_at")}, rhythm_version, transaction_id
FROM risk_changes WHERE partition = %s ORDER BY customer_id, sequence
"""
_UNSETTLED = """
SELECT (SELECT count(*) FROM customers AS c JOIN stream_progress AS p USING (partition)
          LEFT JOIN models AS m ON m.version = p.model_version LEFT JOIN risk_states AS r USING (customer_id)
        WHERE c.model_version IS DISTINCT FROM p.model_version
          OR (m.spec->'metadata'->'rhythm'->>'version' IS DISTINCT FROM r.rhythm_version
            AND (c.frequency > 0 OR r.sequence > 0))),
       (SELECT count(*) FROM dead_letters WHERE NOT published),
       (SELECT count(*) FROM erasures WHERE customer_id IS NOT NULL)
"""


def undrained(server: PostgresServer, broker: Broker, topic: str, partitions: int) -> str:
    """What is still to be done; empty if everything has drained."""
    rows = server.rows(_PROGRESS)
    for partition in range(partitions):
        log = broker.logs[topic, partition]
        row = next((row for row in rows if row[0] == partition), None)
        if row is None:
            if log.end:
                return f"partition {partition} was never claimed"
            continue
        if base_id(row[1]) != f"sim/{broker.topic_ids[topic]}":
            return f"partition {partition} still follows {row[1]}"
        if row[2] != log.end:
            return f"partition {partition} is at offset {row[2]} of {log.end}"
        if row[7] != row[6]:
            return f"partition {partition} has published {row[7]} of {row[6]} changes"
        if row[8]:
            return f"the topic has {row[8]} changes of partition {partition} that Postgres does not have"
        if row[10] != row[9]:
            return f"partition {partition} has published {row[10]} of {row[9]} risk changes"
        if row[11]:
            return f"the topic has {row[11]} risk changes of partition {partition} that Postgres does not have"
    outdated, letters, tombstones = server.rows(_UNSETTLED)[0]
    if outdated:
        return f"{outdated} customers are under an older model"
    if letters:
        return f"{letters} dead letters are not published"
    if tombstones:
        return f"{tombstones} tombstones are not published"
    return ""


def differences(server: PostgresServer, expected: Mapping[int, ExpectedOutcome], rereads: bool) -> list[str]:
    """Where the tables differ from what the oracle has found.

    ``rereads`` says that a part of the log was read again under another log id: dead letters may then have come again.
    """
    found: list[str] = []
    for partition, outcome in expected.items():
        found += _unlike("profiles", partition, server.rows(_PROFILES, partition), outcome.profiles, ExpectedProfile)
        found += _unlike("changes", partition, server.rows(_CHANGES, partition), outcome.changes, Change)
        found += _unlike("risk states", partition, server.rows(_RISKS, partition), outcome.risks, ExpectedRiskState)
        risk_changes = server.rows(_RISK_CHANGES, partition)
        found += _unlike("risk changes", partition, risk_changes, outcome.risk_changes, ExpectedRiskChange)
        found += _unlike("activations", partition, server.rows(_ACTIVATIONS, partition), outcome.activations)
        found += _unlike("model periods", partition, server.rows(_PERIODS, partition), outcome.periods)
        letters = server.rows(_LETTERS, partition)
        if rereads:
            had, wanted = {(row[3], row[4]) for row in letters}, set(outcome.dead_letters.values())
            surplus, missing = (sorted(repr(key) for key, _ in some) for some in (had - wanted, wanted - had))
            found += [f"a dead letter of partition {partition} too many: {key}" for key in surplus]
            found += [f"no dead letter of partition {partition} for {key}" for key in missing]
            continue
        counts = server.rows(_COUNTS, partition)
        if counts:
            found += _unlike("counts", partition, counts, [outcome.counts], Counts)
        reasons = {row[1]: row[2] for row in letters}
        found += [
            f"a dead letter at {at} of partition {partition} too many: {reason}"
            for at, reason in reasons.items()
            if at not in outcome.dead_letters
        ]
        found += [
            f"no dead letter at {at} of partition {partition}" for at in outcome.dead_letters if at not in reasons
        ]
    ledger = sorted(row for outcome in expected.values() for row in outcome.ledger)
    found += _unlike("ledger", None, server.rows(_LEDGER), ledger, Stored)
    progress = {row[0]: row for row in server.rows(_PROGRESS)}
    for partition, outcome in expected.items():
        row = progress.get(partition)
        if row is not None:
            found += _unlike("watermark and model", partition, [row[4:6]], [(outcome.watermark, outcome.model_version)])
    return found


def _unlike(
    what: str, partition: int | None, found: Sequence[Any], expected: Sequence[Any], kind: Any = None
) -> list[str]:
    mine, theirs = [tuple_of(each) for each in found], [tuple_of(each) for each in expected]
    if mine == theirs:
        return []
    where = "" if partition is None else f" of partition {partition}"
    surplus = [each for each in mine if each not in theirs]
    missing = [each for each in theirs if each not in mine]
    text = f"{what}{where}: "
    if surplus and missing and kind is not None:
        names = [
            f"{name} {was!r} instead of {should!r}"
            for name, was, should in zip(kind._fields, surplus[0], missing[0], strict=True)
            if was != should
        ]
        return [f"{text}{surplus[0][:2]}: {', '.join(names)}"]
    if surplus:
        return [f"{text}{len(surplus)} too many, such as {surplus[0]}"]
    if missing:
        return [f"{text}{len(missing)} missing, such as {missing[0]}"]
    return [f"{text}in another order or number"]


def tuple_of(value: Any) -> Any:
    """A row as a plain tuple."""
    return tuple(value) if isinstance(value, tuple) else value
