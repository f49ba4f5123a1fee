"""Source and id identify a CloudEvent in every topic."""

import json
from typing import Any

from data.contract.change_events import change_event, segment_event
from data.contract.change_row import ChangeRow

ROWS = [
    ChangeRow(position, customer, sequence, None, "loyal", "model", sequence, 1, 2, 3, "k5", None)
    for position, (customer, sequence) in enumerate([("C1", 1), ("C1", 2), ("C2", 1), ("C1:2", 1)])
]


def identity(event: bytes) -> tuple[Any, ...]:
    content = json.loads(event)
    return content["source"], content["id"]


def test_source_and_id_identify_every_event_of_both_topics() -> None:
    events = [make(row, {}) for row in ROWS for make in (change_event, segment_event)]
    assert len(set(map(identity, events))) == len(events) == 2 * len(ROWS)


def test_a_snapshot_is_the_same_state_published_again() -> None:
    for row in ROWS:
        state, again = (json.loads(segment_event(row, {}, snapshot=snapshot)) for snapshot in (False, True))
        assert again == state | {"snapshot": True}
