"""Records as other programs write them, in the formats that their documentation shows."""

import base64
import json
from typing import Any

#: How the orders of these records are read.
MAPPING = """
[columns]
transaction = "id"
customer = "email"
time = "created_at"
amount = "total"
"""
#: The schema of a row as Debezium's connector for Postgres and Kafka Connect's JSON converter write it.
ROW_SCHEMA = {
    "type": "struct",
    "optional": True,
    "name": "shop.public.orders.Value",
    "fields": [
        {"type": "int32", "optional": False, "default": 0, "field": "id"},
        {"type": "string", "optional": True, "field": "email"},
        {
            "type": "bytes",
            "optional": True,
            "name": "org.apache.kafka.connect.data.Decimal",
            "version": 1,
            "parameters": {"scale": "2", "connect.decimal.precision": "10"},
            "field": "total",
        },
        {
            "type": "int64",
            "optional": True,
            "name": "io.debezium.time.MicroTimestamp",
            "version": 1,
            "field": "created_at",
        },
    ],
}
#: 1 May 2024, 12:00, as the digits of a clock.
MICROS = 1_714_564_800_000_000


def decimal(cents: int) -> str:
    """A decimal with two places as Kafka Connect writes it: the unscaled number in base64."""
    return base64.b64encode(cents.to_bytes(8, "big", signed=True)).decode()


def row(**others: Any) -> dict[str, Any]:
    """A row as Debezium writes it beside its schema."""
    return {"id": 1004, "email": "ann@example.org", "total": decimal(1250), "created_at": MICROS} | others


def plain(**others: Any) -> dict[str, Any]:
    """A row as it is without a schema, and with decimal.handling.mode=string."""
    return row(total="12.50") | others


def debezium(
    op: str, after: dict[str, Any] | None, before: dict[str, Any] | None = None, *, schema: bool = False
) -> bytes:
    """A change event of Debezium, with the schema of its envelope or without."""
    payload = {
        "before": before,
        "after": after,
        "source": {
            "version": "3.0.0.Final",
            "connector": "postgresql",
            "name": "shop",
            "ts_ms": 1714557600123,
            "snapshot": "false",
            "db": "shop",
            "sequence": '["24023119","24023128"]',
            "schema": "public",
            "table": "orders",
            "txId": 555,
            "lsn": 24023128,
            "xmin": None,
        },
        "transaction": None,
        "op": op,
        "ts_ms": 1714557600456,
    }
    if not schema:
        return json.dumps(payload).encode()
    fields = [
        ROW_SCHEMA | {"field": "before"},
        ROW_SCHEMA | {"field": "after"},
        {"type": "struct", "fields": [], "optional": False, "name": "io.debezium.connector.Source", "field": "source"},
        {"type": "string", "optional": False, "field": "op"},
        {"type": "int64", "optional": True, "field": "ts_ms"},
    ]
    envelope = {"type": "struct", "fields": fields, "optional": False, "name": "shop.public.orders.Envelope"}
    return json.dumps({"schema": envelope, "payload": payload}).encode()


def jdbc(**others: Any) -> bytes:
    """A row of Kafka Connect's JDBC source with its schema."""
    fields = [
        {"type": "int32", "optional": False, "field": "id"},
        {"type": "string", "optional": True, "field": "email"},
        ROW_SCHEMA["fields"][2],  # type: ignore[index]
        {
            "type": "int64",
            "optional": False,
            "name": "org.apache.kafka.connect.data.Timestamp",
            "version": 1,
            "field": "created_at",
        },
    ]
    schema = {"type": "struct", "fields": fields, "optional": False, "name": "orders"}
    return json.dumps({"schema": schema, "payload": row(created_at=MICROS // 1_000) | others}).encode()
