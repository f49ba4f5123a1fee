"""The five topics, and how each is kept."""

from dataclasses import dataclass

#: Bytes of a record before compression: what our producers let through to the broker, which may still refuse it.
LARGEST_RECORD = 100_000_000
# After compression. More than a broker lets into the other topics by default (1 MB): a dead letter is the record and
# its reason.
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
        """Topic configuration by name: history is kept, the latest segment of a customer for good."""
        kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
        return {
            self.transactions: kept,
            self.changes: kept,
            self.segments: {"cleanup.policy": "compact"},
            self.drift: kept,
            self.dead_letters: kept | {"max.message.bytes": str(_LARGEST_DEAD_LETTER)},
        }
