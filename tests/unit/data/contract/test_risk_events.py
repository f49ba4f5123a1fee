"""An event of a risk change says what its row says, and a reader accepts what v1 may get later."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from data.contract import asyncapi, tolerant_reader
from data.contract.change_events import change_event, segment_event
from data.contract.change_row import ChangeRow
from data.contract.risk_events import risk_event, risk_headers
from data.contract.risk_row import RiskRow
from models.units import MICROS_PER_DAY
from tests.support.hostile import HOSTILE, ID

SILENT = RiskRow(
    position=7,
    customer_id="C1",
    sequence=2,
    from_state="on_rhythm",
    to_state="due",
    cause="silence",
    effective_at=40 * MICROS_PER_DAY,
    frequency=3,
    last_purchase_at=30 * MICROS_PER_DAY,
    next_state="overdue",
    next_at=60 * MICROS_PER_DAY,
    rhythm_version="rhythm-1",
    transaction_id=None,
)
FIRST = SILENT._replace(
    sequence=1, from_state=None, to_state="on_rhythm", cause="first_purchase", transaction_id="T1", customer_id=ID
)
CANCELLED = SILENT._replace(
    sequence=3, to_state=None, cause="revision", last_purchase_at=None, next_state=None, next_at=None, frequency=0
)
STOPPED = CANCELLED._replace(cause="model", rhythm_version=None)
ROWS = [SILENT, FIRST, CANCELLED, STOPPED]


def data(row: RiskRow) -> Any:
    return json.loads(risk_event(row))["data"]


def test_an_event_says_what_its_row_says() -> None:
    assert data(SILENT) == {
        "customer_id": "C1",
        "sequence": 2,
        "from": "on_rhythm",
        "to": "due",
        "cause": "silence",
        "effective_at": "1970-02-10T00:00:00Z",
        "frequency": 3,
        "last_purchase_at": "1970-01-31T00:00:00Z",
        "next_state": "overdue",
        "next_at": "1970-03-02T00:00:00Z",
        "rhythm_version": "rhythm-1",
        "transaction_id": None,
    }


def test_what_there_is_not_is_null() -> None:
    found = data(STOPPED)
    missing = {name for name, value in found.items() if value is None}
    assert missing == {"to", "last_purchase_at", "next_state", "next_at", "rhythm_version", "transaction_id"}


@pytest.mark.parametrize("row", ROWS)
def test_events_and_headers_are_valid_in_the_contract(row: RiskRow) -> None:
    content = asyncapi.document()
    for name, instance in (
        ("RiskChanged", json.loads(risk_event(row))),
        ("RiskHeaders", {key: value.decode() for key, value in risk_headers(row, "log") if isinstance(value, bytes)}),
    ):
        schema = {"$ref": f"#/components/schemas/{name}", "components": content["components"]}
        jsonschema.Draft7Validator(schema).validate(instance)


@pytest.mark.parametrize("row", ROWS)
def test_the_headers_say_what_the_event_says(row: RiskRow) -> None:
    event, found = json.loads(risk_event(row)), dict(risk_headers(row, "cluster/topic#2"))
    to = {} if row.to_state is None else {"to": row.to_state.encode()}
    assert found == to | {
        "content-type": b"application/cloudevents+json; charset=UTF-8",
        "ce_type": event["type"].encode(),
        "ce_id": event["id"].encode(),
        "cause": row.cause.encode(),
        "log_id": b"cluster/topic#2",
    }


def test_source_and_id_identify_an_event_beside_those_of_segment_changes() -> None:
    change = ChangeRow(1, "C1", 2, None, "loyal", "model", 2, 1, 2, 3, "k5", None)
    events = [json.loads(event) for event in (risk_event(SILENT), change_event(change, {}), segment_event(change, {}))]
    assert {event["id"] for event in events} == {"C1:2"}
    assert len({event["source"] for event in events}) == len(events)


def test_a_reader_accepts_causes_and_states_that_v1_may_get() -> None:
    newer = SILENT._replace(cause="merger", from_state="lukewarm", to_state="cold", next_state=HOSTILE)
    found = tolerant_reader.risk_change(risk_event(newer))
    assert found is not None
    assert (found.cause, found.from_, found.to, found.next_state) == ("merger", "lukewarm", "cold", HOSTILE)


def test_a_reader_knows_risk_changes_among_other_events() -> None:
    other = change_event(ChangeRow(1, "C1", 2, None, "loyal", "model", 2, 1, 2, 3, "k5", None), {})
    assert tolerant_reader.risk_change(other) is None
    assert tolerant_reader.change(risk_event(SILENT)) is None
    with pytest.raises(msgspec.MsgspecError):
        tolerant_reader.risk_change(b"{}")
