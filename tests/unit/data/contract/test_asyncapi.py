"""The contract matches the code, and v1 only grows."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker, ValidationError

from data.contract import asyncapi
from data.contract.wire import ModelActivation
from runtime.settings import Settings
from runtime.topics import Topics
from stream_app.core.decode import decode
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Record

#: AsyncAPI 3.0 builds on Draft 07; most tools read the latest draft.
DRAFTS = (Draft7Validator, Draft202012Validator)
SECURITY = Path(__file__).parents[4] / "docs" / "security.md"
STALE = "is out of date: run `python -m data.contract.asyncapi`, and see that v1 has only grown"

# v1 as it was published. Add new fields; never remove or rename a field or change its type.
# ` | ` separates the types of a field, ` = ` precedes its only value, and a field that ends in `?` is optional.
WRITTEN_BY_US: dict[str, dict[str, str]] = {
    "SegmentRef": {"id": "string", "persona": "string"},
    "SegmentChange": {
        "customer_id": "string",
        "sequence": "integer",
        "from": "SegmentRef | null",
        "to": "SegmentRef",
        "cause": '"first_purchase" | "purchase" | "return" | "decay" | "model"',
        "effective_at": "date-time",
        "recency_days": "integer",
        "frequency": "integer",
        "monetary": "string",
        "model_version": "string",
        "transaction_id": "string | null",
        "gross?": "string",
        "returned?": "string",
    },
    "CustomerSegment": {
        "customer_id": "string",
        "sequence": "integer",
        "segment": "SegmentRef",
        "since": "date-time",
        "recency_days": "integer",
        "frequency": "integer",
        "monetary": "string",
        "model_version": "string",
        "gross?": "string",
        "returned?": "string",
    },
    "SegmentChanged": {
        "specversion": '"1.0"',
        "type": '"segue.segment.changed.v1"',
        "source": "string = /segue/stream",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "data": "SegmentChange",
    },
    "CustomerSegmentUpdated": {
        "specversion": '"1.0"',
        "type": '"segue.customer.segment.v1"',
        "source": "string = /segue/customers",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "snapshot?": "boolean",
        "data": "CustomerSegment",
    },
    "RiskChange": {
        "customer_id": "string",
        "sequence": "integer",
        "from": '"on_rhythm" | "due" | "overdue" | "presumed_lost" | null',
        "to": '"on_rhythm" | "due" | "overdue" | "presumed_lost" | null',
        "cause": '"first_purchase" | "purchase" | "silence" | "model" | "revision"',
        "effective_at": "date-time",
        "frequency": "integer",
        "last_purchase_at": "date-time | null",
        "next_state": '"on_rhythm" | "due" | "overdue" | "presumed_lost" | null',
        "next_at": "date-time | null",
        "rhythm_version": "string | null",
        "transaction_id": "string | null",
    },
    "RiskChanged": {
        "specversion": '"1.0"',
        "type": '"segue.risk.changed.v1"',
        "source": "string = /segue/risk",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "data": "RiskChange",
    },
    "Drift": {
        "model_version": "string",
        "measure": '"distance" | "basket" | "returns" | "newcomers" | "psi"',
        "name": '"recency" | "frequency" | "monetary" | "segments" | null',
        "value": "number",
        "reference": "number | null",
        "threshold": "number | null",
        "customers": "integer",
        "summary": "string",
    },
    "DriftDetected": {
        "specversion": '"1.0"',
        "type": '"segue.drift.detected.v1"',
        "source": "string = /segue/drift",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "data": "Drift",
    },
    "WrongPredictions": {
        "model_version": "string",
        "days": "30 | 90",
        "customers": "integer",
        "predicted": "number",
        "ordered": "integer",
        "allowed": "number",
        "summary": "string",
    },
    "PredictionsCountWrong": {
        "specversion": '"1.0"',
        "type": '"segue.predictions.wrong.v1"',
        "source": "string = /segue/drift",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "data": "WrongPredictions",
    },
    "Assignment": {
        "campaign": "string",
        "customer_id": "string",
        "group": '"treated" | "held_out"',
        "segment": "string | null",
        "started_at": "date-time",
        "ends_at": "date-time",
    },
    "CampaignAssigned": {
        "specversion": '"1.0"',
        "type": '"segue.campaign.assigned.v1"',
        "source": "string = /segue/campaigns",
        "id": "string",
        "subject": "string",
        "time": "date-time",
        "datacontenttype": '"application/json"',
        "data": "Assignment",
    },
    "EventHeaders": {"content-type": "string = application/cloudevents+json; charset=UTF-8"},
    "ChangeHeaders": {
        "content-type": "string = application/cloudevents+json; charset=UTF-8",
        "ce_type?": '"segue.segment.changed.v1"',
        "ce_id?": "string",
        "to?": "string",
        "cause?": "string",
        "log_id?": "string",
    },
    "RiskHeaders": {
        "content-type": "string = application/cloudevents+json; charset=UTF-8",
        "ce_type": '"segue.risk.changed.v1"',
        "ce_id": "string",
        "to?": "string",
        "cause": "string",
        "log_id": "string",
    },
    "StateHeaders": {
        "content-type": "string = application/cloudevents+json; charset=UTF-8",
        "ce_type?": '"segue.customer.segment.v1"',
        "ce_id?": "string",
        "to?": "string",
        "cause?": "string",
        "log_id?": "string",
    },
    "DeadLetterHeaders": {
        "segue-reason": "string",
        "segue-topic": "string",
        "segue-partition": "string",
        "segue-offset": "string",
        "segue-log-id": "string",
        "segue-clipped-from?": "string",
    },
}
#: Fields that the contract allows to have more values later. All other fields must stay exactly the same.
MAY_BECOME_MORE = {
    ("SegmentChange", "cause"),
    *(("RiskChange", field) for field in ("cause", "from", "to", "next_state")),
}
# The fields that a producer wrote or could write in v1. Such records must stay valid.
WRITTEN_BY_OTHERS = {
    "Transaction": {
        "type": '"transaction"',
        "transaction_id": "string",
        "customer_id": "string",
        "occurred_at": "date-time",
        "kind": '"sale" | "return"',
        "amount": "string",
        "currency": "string",
        "country": "string",
        "lines": "array of Line",
    },
    "Line": {"stock_code": "string", "description": "string | null", "quantity": "integer", "price": "string"},
    "TransactionHeaders": {"segue-retry-of?": "string", "segue-source?": "string"},
    "ControlHeaders": {"segue-control-number?": "string", "segue-control-signature?": "string"},
    "Tick": {"type": '"tick"', "at": "date-time"},
    "ModelActivation": {"type": '"model"', "model": "SegmentModel"},
    "Erasure": {"type": '"erasure"', "customer_id": "string"},
    "SegmentModel": {
        "version": "string",
        "monetary": '"net" | "gross"',
        "transform": '"log1p" | "identity"',
        "means": "3 of number",
        "scales": "3 of number",
        "segments": "array of Segment",
        "metadata?": "object",
    },
    "Segment": {
        "id": "string",
        "name": "string",
        "description": "string",
        "colour": "string",
        "action": "string",
        "centroid": "3 of number",
    },
}


def _may_be(field: dict[str, Any]) -> set[str]:
    """The types of a field, in the notation of the tables."""
    if "anyOf" in field:
        return set().union(*map(_may_be, field["anyOf"]))
    if "enum" in field:
        return {json.dumps(value) for value in field["enum"]}
    if "$ref" in field:
        return {field["$ref"].rpartition("/")[2]}
    if field["type"] == "array":
        count = field["minItems"] if field.get("minItems") == field.get("maxItems") is not None else "array"
        return {f"{count} of {each}" for each in _may_be(field["items"])}
    always = f" = {field['default']}" if isinstance(field.get("default"), str) else ""
    return {field.get("format", field["type"]) + always}


def _fields(schema: dict[str, Any]) -> dict[str, set[str]]:
    return {name: _may_be(field) for name, field in schema["properties"].items()}


def _then(table: dict[str, str]) -> dict[str, set[str]]:
    return {name.removesuffix("?"): set(kinds.split(" | ")) for name, kinds in table.items()}


def _always(table: dict[str, str]) -> set[str]:
    return {name for name in table if not name.endswith("?")}


def test_the_document_is_up_to_date() -> None:
    assert asyncapi.DOCUMENT.read_text() == asyncapi.as_yaml(asyncapi.document()), (
        f"data/contract/asyncapi.yaml {STALE}"
    )


def test_the_page_is_up_to_date() -> None:
    assert asyncapi.PAGE.read_text() == asyncapi.page(asyncapi.document()), f"docs/contract.md {STALE}"


@pytest.mark.parametrize("name", WRITTEN_BY_US)
def test_fields_that_subscribers_rely_on_still_exist(name: str) -> None:
    schema, table = asyncapi.schemas()[name], WRITTEN_BY_US[name]
    now = _fields(schema)
    assert _always(table) <= set(schema["required"])
    for field, kinds in _then(table).items():
        assert field in now, field
        more = now[field] - kinds if (name, field) in MAY_BECOME_MORE else set()
        assert now[field] == kinds | more, field


@pytest.mark.parametrize("name", WRITTEN_BY_OTHERS)
def test_records_of_earlier_producers_are_still_valid(name: str) -> None:
    schema, table = asyncapi.schemas()[name], WRITTEN_BY_OTHERS[name]
    now = _fields(schema)
    assert set(schema["required"]) <= _always(table), "producers need not write more than before"
    for field, kinds in _then(table).items():
        assert field in now, field
        assert kinds <= now[field], field


def test_every_type_in_a_topic_is_tested() -> None:
    assert set(asyncapi.schemas()) == {*WRITTEN_BY_US, *WRITTEN_BY_OTHERS}


def test_every_topic_is_in_the_document_with_its_cleanup_policy() -> None:
    topics: Topics = Settings.model_construct().topics
    channels = asyncapi.document()["channels"].values()
    kept = {each["address"]: each["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] for each in channels}
    assert kept == {name: [config["cleanup.policy"]] for name, config in topics.configuration.items()}


def test_every_client_that_may_write_to_a_topic_is_named_as_its_writer() -> None:
    channels = {each["address"]: each["x-written-by"] for each in asyncapi.document()["channels"].values()}
    found = set()
    for clients, resource, operations in re.findall(
        r"^\| (.+?) \| (.+?) \| (.+?) \|$", SECURITY.read_text(), re.MULTILINE
    ):
        for topic in set(re.findall(r"`([^`]+)`", resource)) & channels.keys() if "Write" in operations else ():
            # A condition follows some clients, such as "worker, if a model has a rhythm model".
            for client in re.split(r", (?:if|once) .*| with .*|, ", clients.replace("`", "")):
                if client:
                    assert client in channels[topic], f"{topic} is written by {client}, too"
                    found.add(topic)
    assert found == channels.keys()


def test_every_reference_has_a_target_and_every_schema_is_valid() -> None:
    content = asyncapi.document()

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert asyncapi.resolve(content, node)
            for part in node.values():
                visit(part)
        elif isinstance(node, list):
            for part in node:
                visit(part)

    visit(content)
    for schema in content["components"]["schemas"].values():
        for draft in DRAFTS:
            draft.check_schema(schema)


def test_the_examples_are_valid() -> None:
    content = asyncapi.document()
    seen = 0
    for message in content["components"]["messages"].values():
        for example in message.get("examples", []):
            for part in ("headers", "payload"):
                if part in example:
                    _validate(example[part], content, message[part])
                    seen += 1
    assert seen >= 7


def test_an_encoded_model_is_valid_in_the_contract() -> None:
    content = asyncapi.document()
    record = json.loads(msgspec.json.encode(ModelActivation(a_model())))
    _validate(record, content, content["components"]["messages"]["model"]["payload"])
    record["model"]["means"].append(1.0)
    with pytest.raises(ValidationError, match="too long"):
        _validate(record, content, content["components"]["messages"]["model"]["payload"])


def test_a_worker_accepts_the_model_of_the_example() -> None:
    [example] = asyncapi.document()["components"]["messages"]["model"]["examples"]
    [batch] = decode([Record(0, None, json.dumps(example["payload"]).encode())], "GBP")
    assert batch.model is not None
    assert batch.model.version == example["payload"]["model"]["version"]


def _validate(value: Any, content: dict[str, Any], schema: dict[str, Any]) -> None:
    for draft in DRAFTS:
        draft({"components": content["components"], **schema}, format_checker=FormatChecker()).validate(value)


def test_a_worker_accepts_the_erasure_of_the_example() -> None:
    [example] = asyncapi.document()["components"]["messages"]["erasure"]["examples"]
    value = json.dumps(example["payload"]).encode()
    [batch] = decode([Record(0, example["payload"]["customer_id"].encode(), value)], "GBP")
    assert batch.erased == example["payload"]["customer_id"]
