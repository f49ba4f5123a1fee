"""CloudEvents are told apart by source and id, whichever topic they are read from."""

import json
from typing import Any

from data.contract.change_events import change_event, segment_event
from data.contract.change_row import ChangeRow

ROWS = [
    ChangeRow(position, customer, sequence, None, "loyal", "model", sequence, 1, 2, 3, "k5", None)
    for position, (customer, sequence) in enumerate([("C1", 1), ("C1", 2), ("C2", 1), ("C1:2", 1)])
]


def told_apart(event: bytes) -> tuple[Any, ...]:
    content = json.loads(event)
    return content["source"], content["id"]


def test_source_and_id_tell_every_event_of_both_topics_from_every_other() -> None:
    events = [make(row, {}) for row in ROWS for make in (change_event, segment_event)]
    assert len(set(map(told_apart, events))) == len(events) == 2 * len(ROWS)


def test_a_snapshot_is_the_same_state_said_again() -> None:
    for row in ROWS:
        state, again = (json.loads(segment_event(row, {}, snapshot=snapshot)) for snapshot in (False, True))
        assert again == state | {"snapshot": True}
