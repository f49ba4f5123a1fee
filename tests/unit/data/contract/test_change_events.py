"""Source and id identify a CloudEvent in every topic."""

import json
from typing import Any

import pytest

from data.contract import tolerant_reader
from data.contract.change_events import change_event, change_headers, segment_event, state_headers
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


def test_an_event_says_what_was_bought_and_returned() -> None:
    row = ROWS[0]._replace(monetary=0, gross=1_200_000, returned=1_250_001)
    for make in (change_event, segment_event):
        data = json.loads(make(row, {}))["data"]
        assert (data["monetary"], data["gross"], data["returned"]) == ("0.00", "120.00", "125.0001")


@pytest.mark.parametrize("make", [change_event, segment_event])
def test_an_event_of_a_row_without_gross_and_returned_omits_both(make: Any) -> None:
    without = make(ROWS[0], {})
    assert not {"gross", "returned"} & set(json.loads(without)["data"])
    # Additive: the new fields are at the end, and all other bytes are the same.
    both = make(ROWS[0]._replace(gross=5, returned=2), {})
    assert both == without[:-2] + b',"gross":"0.0005","returned":"0.0002"}}'


def test_a_reader_accepts_changes_with_and_without_the_new_fields() -> None:
    newer = tolerant_reader.change(change_event(ROWS[0]._replace(gross=5, returned=2), {}))
    older = tolerant_reader.change(change_event(ROWS[0], {}))
    assert newer is not None
    assert older is not None
    assert (newer.gross, newer.returned) == ("0.0005", "0.0002")
    assert not older.gross


@pytest.mark.parametrize(("make", "headers"), [(change_event, change_headers), (segment_event, state_headers)])
def test_the_headers_say_what_the_event_says(make: Any, headers: Any) -> None:
    for row in ROWS:
        event, found = json.loads(make(row, {})), dict(headers(row, "cluster/topic#2"))
        segment = event["data"].get("to") or event["data"]["segment"]
        assert found == {
            "content-type": b"application/cloudevents+json; charset=UTF-8",
            "ce_type": event["type"].encode(),
            "ce_id": event["id"].encode(),
            "to": segment["id"].encode(),
            "cause": row.cause.encode(),
            "log_id": b"cluster/topic#2",
        }
