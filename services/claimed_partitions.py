"""The status of each partition as people see it: progress from Postgres, lag from Kafka."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from data.kafka.end_offsets import end_offsets
from data.postgres import progress
from data.postgres.progress import FAILING, STUCK_SECONDS
from runtime.brokers import Brokers
from runtime.counts import many

_BROKER_SECONDS = 3.0
_SECOND_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ClaimedPartition:
    """One partition; ``lag`` is None if the broker does not report it, ``commit_age`` is in seconds."""

    partition: int
    owner: str
    next_offset: int
    watermark: datetime | None
    transactions: int
    changes: int
    to_publish: int
    changes_ahead: int
    lag: int | None
    commit_age: float
    failures: int
    failure: str | None
    failing_since: datetime | None
    risk_changes: int = 0
    risk_to_publish: int = 0
    risk_changes_ahead: int = 0

    @property
    def failing(self) -> bool:
        """Whether the partition has failed several times in a row."""
        return self.failures >= FAILING

    @property
    def stuck(self) -> bool:
        """Whether the partition is behind and has committed nothing for too long."""
        return bool(self.lag) and self.commit_age > STUCK_SECONDS

    @property
    def problem(self) -> str | None:
        """What is wrong, in one line; None if nothing is."""
        if self.failing:
            return f"partition {self.partition} has failed {self.failures:,} times in a row: {self.failure}"
        if self.stuck:
            return (
                f"partition {self.partition} is stuck: {many(self.lag or 0, 'record')} behind, and no commit for "
                f"{self.commit_age:.0f} s; its worker {self.owner} may be frozen or gone"
            )
        if self.changes_ahead:
            return (
                f"partition {self.partition} is catching up with what was published: the change topic has "
                f"{many(self.changes_ahead, 'change')} that Postgres does not have"
            )
        if self.risk_changes_ahead:
            return (
                f"partition {self.partition} is catching up with what was published: the topic of risk changes has "
                f"{self.risk_changes_ahead:,} that Postgres does not have"
            )
        return None


@dataclass(frozen=True, slots=True)
class ClaimedPartitions:
    """All claimed partitions; ``broker_answers`` is None if there is none to ask about."""

    partitions: list[ClaimedPartition]
    broker_answers: bool | None


def claimed_partitions(postgres: Engine, brokers: Brokers | None, topic: str) -> ClaimedPartitions:
    """The status of all claimed partitions, within a few seconds, whatever does not answer.

    Parameters
    ----------
    brokers, topic
        Where the log is; without brokers the lag is unknown.
    """
    found = _look(postgres, brokers, topic)
    if any(each.stuck and not each.failing for each in found.partitions):
        # A record that has just arrived after a long silence is not stuck: its partition commits within a second.
        offsets = {each.partition: each.next_offset for each in found.partitions}
        time.sleep(_SECOND_LOOK_SECONDS)
        again = _look(postgres, brokers, topic)
        if any(each.next_offset != offsets.get(each.partition) for each in again.partitions) or again.broker_answers:
            return again
    return found


def _look(postgres: Engine, brokers: Brokers | None, topic: str) -> ClaimedPartitions:
    rows = progress.partitions(postgres)
    if not rows or brokers is None:
        return ClaimedPartitions([_status(row, None) for row in rows], None)
    ends = end_offsets(brokers, topic, [row.partition for row in rows], _BROKER_SECONDS)
    return ClaimedPartitions([_status(row, (ends or {}).get(row.partition)) for row in rows], ends is not None)


def _status(row: Row[Any], end: int | None) -> ClaimedPartition:
    return ClaimedPartition(
        partition=row.partition,
        owner=row.owner,
        next_offset=row.next_offset,
        watermark=row.event_time,
        transactions=row.transactions,
        changes=row.change_position,
        to_publish=row.change_position - row.published_position,
        changes_ahead=row.changes_ahead,
        lag=None if end is None else max(end - row.next_offset, 0),
        commit_age=float(row.commit_age),
        failures=row.failures,
        failure=row.failure,
        failing_since=row.failing_since,
        risk_changes=row.risk_position,
        risk_to_publish=row.risk_position - row.risk_published_position,
        risk_changes_ahead=row.risk_changes_ahead,
    )
