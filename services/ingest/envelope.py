"""From the bytes of a record to the order in it. Pure.

A record is plain JSON, or an envelope around it: the schema and the payload of Kafka Connect's JSON converter, the
before and after of Debezium, or both. ``docs/ingest.md`` shows each.
"""

from dataclasses import dataclass
from typing import Any, Literal

from services.ingest.connect_schema import readable
from services.ingest.json_values import parsed

Operation = Literal["create", "read", "update", "unknown"]
Gone = Literal["tombstone", "delete", "truncate", "message"]

_SCHEMA_REGISTRY = b"\0"
_ORDERS: dict[str, Operation] = {"c": "create", "r": "read", "u": "update"}
_GONE: dict[str, Gone] = {"d": "delete", "t": "truncate", "m": "message"}
# What Debezium's SMT ExtractNewRecordState adds to a row.
_OPERATION, _DELETED = "__op", "__deleted"


@dataclass(frozen=True, slots=True)
class OrderContent:
    """What a record says about an order.

    Attributes
    ----------
    fields
        The order, as nested JSON values.
    before
        The order before an update, if the record has it.
    operation
        What happened to the order; ``unknown`` if the record is no change event.
    has_local_epochs
        Whether numbers that count from 1970 may be the digits of a local time, as Debezium writes a column without a
        zone.
    """

    fields: dict[str, Any]
    before: dict[str, Any] | None = None
    operation: Operation = "unknown"
    has_local_epochs: bool = False


def opened(value: bytes | None) -> OrderContent | Gone:
    """The order in a record, or why there is none in it.

    Raises
    ------
    ValueError
        If the record can't be understood; the reason is one line.
    """
    if not value:
        return "tombstone"
    if value.startswith(_SCHEMA_REGISTRY):
        raise ValueError(
            "the record is Avro or Protobuf with a schema registry (it begins with a zero byte); "
            "write JSON with org.apache.kafka.connect.json.JsonConverter"
        )
    content = parsed(value)
    if content is None:
        return "tombstone"
    if not isinstance(content, dict):
        raise ValueError("the record is not a JSON object")
    if content.keys() == {"schema", "payload"}:
        content = readable(content["payload"], content["schema"])
        if content is None:
            return "tombstone"
        if not isinstance(content, dict):
            raise ValueError("the payload of the record is not a JSON object")
        return _order(content, has_schema=True)
    return _order(content, has_schema=False)


def _order(content: dict[str, Any], *, has_schema: bool) -> OrderContent | Gone:
    if "op" in content and ("after" in content or "before" in content or "source" in content):
        return _change(content, has_schema=has_schema)
    if _DELETED in content or _OPERATION in content:
        return _unwrapped(content, has_schema=has_schema)
    return OrderContent(content)


def _change(content: dict[str, Any], *, has_schema: bool) -> OrderContent | Gone:
    """The order of Debezium's envelope."""
    operation = content["op"]
    if gone := _GONE.get(operation):
        return gone
    if operation not in _ORDERS:
        raise ValueError(f"the operation {str(operation)[:16]!r} of the change event is not known")
    before, after = content.get("before"), content.get("after")
    if not isinstance(after, dict):
        raise ValueError("the change event has no row in `after`")
    return OrderContent(after, before if isinstance(before, dict) else None, _ORDERS[operation], not has_schema)


def _unwrapped(content: dict[str, Any], *, has_schema: bool) -> OrderContent | Gone:
    """The row that Debezium's SMT ExtractNewRecordState leaves of an envelope."""
    if str(content.get(_DELETED)).lower() == "true":
        return "delete"
    operation = content.get(_OPERATION)
    if gone := _GONE.get(str(operation)):
        return gone
    fields = {name: value for name, value in content.items() if name not in (_OPERATION, _DELETED)}
    return OrderContent(fields, None, _ORDERS.get(str(operation), "unknown"), not has_schema)
