"""Values of Kafka Connect whose schema is in the record: decimals, dates and times as readable texts.

Kafka Connect and Debezium write such values as numbers or base64. Only the schema says what they mean.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from services.ingest.json_values import EpochMoment, Number

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (a local time, or one whose zone is added as text)
_DAY = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)


def readable(value: Any, schema: Any) -> Any:
    """A value of which logical types are texts; what does not fit its schema stays as it is.

    Parameters
    ----------
    schema
        The schema as Kafka Connect's JSON converter writes it, beside the payload.

    Examples
    --------
    >>> readable("AMo=", {"name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}})
    '2.02'
    """
    if value is None or not isinstance(schema, dict):
        return value
    kind, fields = schema.get("type"), schema.get("fields")
    convert = _CONVERSIONS.get(str(schema.get("name")))
    if convert is not None:
        try:
            return convert(value, schema)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError, binascii.Error):
            return value
    if kind == "struct" and isinstance(value, dict) and isinstance(fields, list):
        schemas = {field.get("field"): field for field in fields if isinstance(field, dict)}
        return {name: readable(each, schemas.get(name)) for name, each in value.items()}
    if kind == "array" and isinstance(value, list):
        return [readable(each, schema.get("items")) for each in value]
    return value


def _decimal(value: Any, schema: dict[str, Any]) -> Number:
    if isinstance(value, Number):  # the converter's decimal.format is NUMERIC
        return value
    return _unscaled(value, int(schema["parameters"]["scale"]))


def _variable_decimal(value: Any, schema: dict[str, Any]) -> Number:
    return _unscaled(value["value"], int(value["scale"]))


def _unscaled(text: str, scale: int) -> Number:
    number = int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True)
    return Number(f"{Decimal(number).scaleb(-scale):f}")


def _date(value: Any, schema: dict[str, Any]) -> str:
    return f"{_EPOCH + int(value) * _DAY:%Y-%m-%d}"


def _time_of_day(unit: timedelta) -> Callable[[Any, dict[str, Any]], str]:
    return lambda value, schema: (_EPOCH + int(value) * unit).time().isoformat()


def _local(unit: timedelta, divisor: int = 1) -> Callable[[Any, dict[str, Any]], str]:
    """A column without a zone: Debezium writes the digits of its clock as if they were UTC."""
    return lambda value, schema: (_EPOCH + int(value) // divisor * unit).isoformat(" ")


def _moment(value: Any, schema: dict[str, Any]) -> EpochMoment:
    return EpochMoment(f"{(_EPOCH + int(value) * _MILLISECOND).isoformat()}Z")


_CONVERSIONS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "org.apache.kafka.connect.data.Decimal": _decimal,
    "org.apache.kafka.connect.data.Date": _date,
    "org.apache.kafka.connect.data.Time": _time_of_day(_MILLISECOND),
    "org.apache.kafka.connect.data.Timestamp": _moment,
    "io.debezium.data.VariableScaleDecimal": _variable_decimal,
    "io.debezium.time.Date": _date,
    "io.debezium.time.Time": _time_of_day(_MILLISECOND),
    "io.debezium.time.MicroTime": _time_of_day(_MICROSECOND),
    "io.debezium.time.Timestamp": _local(_MILLISECOND),
    "io.debezium.time.MicroTimestamp": _local(_MICROSECOND),
    "io.debezium.time.NanoTimestamp": _local(_MICROSECOND, 1_000),
}
