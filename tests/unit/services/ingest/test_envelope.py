"""What a record holds, in each envelope that other programs put around an order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.envelope import OrderContent, opened
from tests.support.kafka_envelopes import debezium, decimal, jdbc, plain, row

READABLE = {"id": "1004", "email": "ann@example.org", "total": "12.50", "created_at": "2024-05-01 12:00:00"}


def content(value: bytes) -> OrderContent:
    found = opened(value)
    assert isinstance(found, OrderContent)
    return found


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (json.dumps(plain()).encode(), plain(id="1004", created_at="1714564800000000")),
        (debezium("c", plain()), plain(id="1004", created_at="1714564800000000")),
        (debezium("r", row(), schema=True), READABLE),
        (jdbc(), READABLE | {"created_at": "2024-05-01T12:00:00Z"}),
    ],
    ids=["plain", "debezium", "debezium with a schema", "jdbc with a schema"],
)
def test_the_order_is_found_in_each_envelope(value: bytes, fields: dict[str, Any]) -> None:
    assert content(value).fields == fields


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "tombstone"),
        (b"", "tombstone"),
        (b"null", "tombstone"),
        (b'{"schema": null, "payload": null}', "tombstone"),
        (debezium("d", None, plain()), "delete"),
        (debezium("d", None, row(), schema=True), "delete"),
        (debezium("t", None), "truncate"),
        (debezium("m", None), "message"),
        (json.dumps(plain(__deleted="true")).encode(), "delete"),
        (json.dumps(plain(__op="d")).encode(), "delete"),
    ],
)
def test_a_record_without_an_order_says_why(value: bytes | None, why: str) -> None:
    assert opened(value) == why


def test_an_update_has_the_order_before_and_after_it() -> None:
    found = content(debezium("u", plain(total="13.50"), plain()))
    assert (found.operation, found.fields["total"]) == ("update", "13.50")
    assert found.before is not None
    assert found.before["total"] == "12.50"


def test_an_unwrapped_row_keeps_its_operation_and_loses_what_was_added() -> None:
    found = content(json.dumps(plain(__op="u", __deleted="false")).encode())
    assert found.operation == "update"
    assert found.fields.keys() == plain().keys()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\0\0\0\0\x01abc", "Avro or Protobuf"),
        (b"hello", "is not JSON: Expecting value at character 1"),
        (b"\xff\xfe", "not a text in UTF-8"),
        (b'{"id": "\\ud800"}', "half of a character"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"schema": {}, "payload": 5}', "payload of the record is not a JSON object"),
        (b'{"id": 1, "id": 2}', "the field 'id' occurs twice"),
        (b'{"id": NaN}', "NaN is not a number"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (debezium("x", plain()), "operation 'x'"),
        (debezium("c", None), "no row in `after`"),
        (debezium("c", "{}"), "no row in `after`"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_understood_has_a_reason(value: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        opened(value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "name", "value", "text"),
    [
        ("bytes", "org.apache.kafka.connect.data.Decimal", decimal(-5), "-0.05"),
        ("bytes", "org.apache.kafka.connect.data.Decimal", 12.5, "12.5"),
        ("int32", "io.debezium.time.Date", 19844, "2024-05-01"),
        ("int32", "org.apache.kafka.connect.data.Date", 19844, "2024-05-01"),
        ("int32", "io.debezium.time.Time", 43_200_500, "12:00:00.500000"),
        ("int64", "io.debezium.time.MicroTime", 43_200_000_000, "12:00:00"),
        ("int64", "io.debezium.time.Timestamp", 1_714_564_800_000, "2024-05-01 12:00:00"),
        ("int64", "io.debezium.time.NanoTimestamp", 1_714_564_800_000_000_000, "2024-05-01 12:00:00"),
        ("string", "io.debezium.time.ZonedTimestamp", "2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("struct", "io.debezium.data.VariableScaleDecimal", {"scale": 1, "value": decimal(125)}, "12.5"),
        ("bytes", "org.apache.kafka.connect.data.Decimal", "not base64!", "not base64!"),
    ],
)
def test_the_schema_says_what_a_value_means(kind: str, name: str, value: Any, text: str) -> None:
    schema = {"type": kind, "name": name, "field": "x", "parameters": {"scale": "2"}}
    whole = {"schema": {"type": "struct", "fields": [schema]}, "payload": {"x": value}}
    assert content(json.dumps(whole).encode()).fields == {"x": text}


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_understood_or_refused_in_one_line(value: bytes) -> None:
    reason = ""
    try:
        opened(value)
    except ValueError as error:
        reason = str(error)
    assert len(reason.splitlines()) <= 1
