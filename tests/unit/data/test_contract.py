"""The contract's document says what the code does, and v1 only grows."""

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker, ValidationError

from data import contract
from data.topics import Topics
from data.wire import ModelActivation
from segue.settings import Settings
from stream_app.decode import decode
from tests.support.stored import a_model
from tests.support.world import Record

#: AsyncAPI 3.0 builds upon Draft 07; most tools of today read the latest.
DRAFTS = (Draft7Validator, Draft202012Validator)
STALE = "is out of date: run `python -m data.contract`, and see that v1 has only grown"

# What v1 was when it was published. Add what comes; never take away, never rename, never change a type.
WRITTEN_BY_US: dict[str, dict[str, Any]] = {
    "SegmentRef": {"id": "string", "persona": "string"},
    "SegmentChange": {
        "customer_id": "string",
        "sequence": "integer",
        "from": "SegmentRef or null",
        "to": "SegmentRef",
        "cause": "enum",
        "effective_at": "string",
        "recency_days": "integer",
        "frequency": "integer",
        "monetary": "string",
        "model_version": "string",
        "transaction_id": "string or null",
    },
    "CustomerSegment": {
        "customer_id": "string",
        "sequence": "integer",
        "segment": "SegmentRef",
        "since": "string",
        "recency_days": "integer",
        "frequency": "integer",
        "monetary": "string",
        "model_version": "string",
    },
    "SegmentChanged": {
        "specversion": "enum",
        "type": "enum",
        "source": "string",
        "id": "string",
        "subject": "string",
        "time": "string",
        "datacontenttype": "enum",
        "data": "SegmentChange",
    },
    "CustomerSegmentUpdated": {
        "specversion": "enum",
        "type": "enum",
        "source": "string",
        "id": "string",
        "subject": "string",
        "time": "string",
        "datacontenttype": "enum",
        "data": "CustomerSegment",
    },
    "Drift": {
        "model_version": "string",
        "measure": "enum",
        "name": "enum or null",
        "value": "number",
        "reference": "number or null",
        "threshold": "number or null",
        "customers": "integer",
        "summary": "string",
    },
    "DriftDetected": {
        "specversion": "enum",
        "type": "enum",
        "source": "string",
        "id": "string",
        "subject": "string",
        "time": "string",
        "datacontenttype": "enum",
        "data": "Drift",
    },
    "EventHeaders": {"content-type": "string"},
    "DeadLetterHeaders": {
        "segue-reason": "string",
        "segue-topic": "string",
        "segue-partition": "string",
        "segue-offset": "string",
        "segue-log-id": "string",
    },
}
# All that a producer had to write then: whoever did may go on as before.
WRITTEN_BY_OTHERS = {
    "Transaction": {
        "type": "enum",
        "transaction_id": "string",
        "customer_id": "string",
        "occurred_at": "string",
        "kind": "enum",
        "amount": "string",
        "currency": "string",
        "country": "string",
        "lines": "array",
    },
    "Line": {"stock_code": "string", "description": "string or null", "quantity": "integer", "price": "string"},
    "Tick": {"type": "enum", "at": "string"},
}


def _kind(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    if "enum" in field:
        return "enum"
    return field["$ref"].rpartition("/")[2] if "$ref" in field else str(field["type"])


def _kinds(schema: dict[str, Any]) -> dict[str, str]:
    return {name: _kind(field) for name, field in schema["properties"].items() if name in schema["required"]}


def test_the_document_is_up_to_date() -> None:
    assert contract.DOCUMENT.read_text() == contract.as_yaml(contract.document()), f"data/asyncapi.yaml {STALE}"


def test_the_page_is_up_to_date() -> None:
    assert contract.PAGE.read_text() == contract.page(contract.document()), f"docs/contract.md {STALE}"


@pytest.mark.parametrize("name", WRITTEN_BY_US)
def test_what_subscribers_could_rely_on_is_still_there(name: str) -> None:
    now = _kinds(contract.schemas()[name])
    assert WRITTEN_BY_US[name].items() <= now.items()


@pytest.mark.parametrize("name", WRITTEN_BY_OTHERS)
def test_producers_need_not_write_more_than_before(name: str) -> None:
    now = _kinds(contract.schemas()[name])
    assert now.items() <= WRITTEN_BY_OTHERS[name].items()


def test_every_topic_is_in_the_document_as_it_is_kept() -> None:
    topics: Topics = Settings.model_construct().topics
    channels = contract.document()["channels"].values()
    kept = {each["address"]: each["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] for each in channels}
    assert kept == {name: [config["cleanup.policy"]] for name, config in topics.configuration.items()}


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    content = contract.document()

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert contract.resolve(content, node)
            for part in node.values():
                visit(part)
        elif isinstance(node, list):
            for part in node:
                visit(part)

    visit(content)
    for schema in content["components"]["schemas"].values():
        for draft in DRAFTS:
            draft.check_schema(schema)


def test_the_examples_are_messages_of_their_schemas() -> None:
    content = contract.document()
    seen = 0
    for message in content["components"]["messages"].values():
        for example in message.get("examples", []):
            for part in ("headers", "payload"):
                if part in example:
                    _validate(example[part], content, message[part])
                    seen += 1
    assert seen >= 7


def test_a_model_as_the_registry_writes_it_is_what_the_contract_says() -> None:
    content = contract.document()
    record = json.loads(msgspec.json.encode(ModelActivation(a_model())))
    _validate(record, content, content["components"]["messages"]["model"]["payload"])
    record["model"]["means"].append(1.0)
    with pytest.raises(ValidationError, match="too long"):
        _validate(record, content, content["components"]["messages"]["model"]["payload"])


def test_the_model_of_the_example_is_one_that_a_worker_takes() -> None:
    [example] = contract.document()["components"]["messages"]["model"]["examples"]
    [batch] = decode([Record(0, None, json.dumps(example["payload"]).encode())], "GBP")
    assert batch.model is not None
    assert batch.model.version == example["payload"]["model"]["version"]


def _validate(value: Any, content: dict[str, Any], schema: dict[str, Any]) -> None:
    for draft in DRAFTS:
        draft({"components": content["components"], **schema}, format_checker=FormatChecker()).validate(value)
