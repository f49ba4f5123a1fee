"""The outcome of a run notices every difference, in Postgres, in the change topic and in the compacted topic."""

import msgspec

from segue.local.soak.outcome import StoredOutcome, history, latest

CHANGES = [{"customer_id": customer, "sequence": sequence} for customer, sequence in (("a", 1), ("b", 1), ("a", 2))]


def outcome(*sequences: tuple[str, int]) -> StoredOutcome:
    """An outcome with the changes of :data:`CHANGES`, and these states in the order of the compacted topic."""
    states = [{"customer_id": customer, "sequence": sequence} for customer, sequence in sequences]
    return StoredOutcome({}, history(CHANGES), latest(msgspec.json.encode({"data": state}) for state in states))


def test_the_last_state_of_each_customer_counts() -> None:
    fresh = outcome(("a", 1), ("b", 1), ("a", 2))
    assert fresh.stale == 0
    assert fresh.differences(fresh) == 0


def test_a_state_that_is_older_newer_or_missing_is_stale() -> None:
    fresh = outcome(("a", 2), ("b", 1))
    for other in (outcome(("a", 1), ("b", 1)), outcome(("a", 3), ("b", 1)), outcome(("a", 2))):
        assert other.stale == 1
        assert fresh.differences(other) == 2
