"""The five topics and their retention."""

from dataclasses import dataclass

#: Maximum bytes of a record before compression in Segue's producers; the broker may have a lower limit.
LARGEST_RECORD = 100_000_000
# A bound of event time is measured against a record's timestamp, so no producer may choose one in the future.
_MAX_TIMESTAMP_AHEAD_MS = 60 * 60 * 1000
# After compression. Above a broker's default of 1 MB, because a dead letter contains a whole record and its reason.
_LARGEST_DEAD_LETTER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics."""

    transactions: str
    changes: str
    segments: str
    dead_letters: str
    drift: str

    @property
    def configuration(self) -> dict[str, dict[str, str]]:
        """Topic configuration by name: history never expires; customer segments are compacted to the latest one."""
        kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
        return {
            self.transactions: kept | {"message.timestamp.after.max.ms": str(_MAX_TIMESTAMP_AHEAD_MS)},
            self.changes: kept,
            self.segments: {"cleanup.policy": "compact"},
            self.drift: kept,
            self.dead_letters: kept | {"max.message.bytes": str(_LARGEST_DEAD_LETTER)},
        }
