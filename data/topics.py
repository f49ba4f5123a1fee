"""The four topics, and how each is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics."""

    transactions: str
    changes: str
    segments: str
    dead_letters: str

    @property
    def configuration(self) -> dict[str, dict[str, str]]:
        """Topic configuration by name: history is kept, the latest segment of a customer for good."""
        kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
        return {
            self.transactions: kept,
            self.changes: kept,
            self.segments: {"cleanup.policy": "compact"},
            self.dead_letters: kept,
        }
