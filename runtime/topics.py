"""The seven topics and their retention."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

#: The kinds of changes of a customer: of the segment, and of the risk state. Each has a topic.
ChangeKind = Literal["segments", "risk"]
#: Maximum bytes of a record before compression in Segue's producers; the broker may have a lower limit.
LARGEST_RECORD = 100_000_000
# A bound of event time is measured against a record's timestamp, so no producer may choose one in the future.
_MAX_TIMESTAMP_AHEAD_MS = 60 * 60 * 1000
# After compression. Above a broker's default of 1 MB, because a dead letter contains a whole record and its reason.
_LARGEST_DEAD_LETTER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Durability:
    """How safely and how long the topics that Segue creates keep records.

    Attributes
    ----------
    replicas, in_sync
        Copies of each partition, and how many of them have to confirm a record; None leaves both to the broker.
    log, changes, dead_letters
        How long records of the transactions topic, of the topics of changes, risk changes and drift, and of the dead
        letters topic are kept; None means forever.
    """

    replicas: int | None = None
    in_sync: int | None = None
    log: timedelta | None = None
    changes: timedelta | None = None
    dead_letters: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics, and how safely and how long those that Segue creates keep records."""

    transactions: str
    changes: str
    segments: str
    dead_letters: str
    drift: str
    durability: Durability = field(default=Durability())
    campaigns: str = field(default="segue.campaigns.v1", kw_only=True)
    risk_changes: str = field(default="segue.risk-changes.v1", kw_only=True)

    def of_changes(self, kind: ChangeKind) -> str:
        """The topic with the changes of a kind."""
        return self.changes if kind == "segments" else self.risk_changes

    @property
    def configuration(self) -> dict[str, dict[str, str]]:
        """Topic configuration by name: history expires as chosen; latest states and assignments are compacted."""
        keep = self.durability
        ahead = {"message.timestamp.after.max.ms": str(_MAX_TIMESTAMP_AHEAD_MS)}
        topics = {
            self.transactions: _kept(keep.log) | ahead,
            self.changes: _kept(keep.changes),
            self.segments: {"cleanup.policy": "compact"},
            self.risk_changes: _kept(keep.changes),
            self.drift: _kept(keep.changes),
            self.campaigns: {"cleanup.policy": "compact"},
            self.dead_letters: _kept(keep.dead_letters) | {"max.message.bytes": str(_LARGEST_DEAD_LETTER)},
        }
        in_sync = {} if keep.in_sync is None else {"min.insync.replicas": str(keep.in_sync)}
        return {name: own | in_sync for name, own in topics.items()}


def _kept(time: timedelta | None) -> dict[str, str]:
    milliseconds = -1 if time is None else time // timedelta(milliseconds=1)
    return {"cleanup.policy": "delete", "retention.ms": str(milliseconds)}
