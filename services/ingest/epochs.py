"""Counts since 1970 that have two readings: a moment, or the digits of a local time.

Debezium writes a column without a time zone as if its digits were UTC. Where the record does not say what a count is,
and the mapping's zone makes a difference, the mapping has to choose.
"""

from datetime import datetime, timedelta
from typing import Any

from data.datasets.cells import AmbiguousError, shown
from data.datasets.mapping import Mapping
from services.ingest.json_values import EpochMoment, Number

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the digits of a time of either kind)
# By the number of digits: how many there are in a microsecond, or how many microseconds one has.
_UNITS = {10: (1_000_000, 1), 13: (1_000, 1), 16: (1, 1), 19: (1, 1_000)}


def one_reading(value: Any, mapping: Mapping, *, may_be_local: bool) -> Any:
    """A time with one reading: as it is, or the digits of a local time as text.

    Parameters
    ----------
    may_be_local
        Whether a number may be the digits of a local time.

    Raises
    ------
    AmbiguousError
        If it has two readings and the mapping does not choose.
    """
    if mapping.time.zone in ("", "UTC"):
        return value
    digits = _digits(value, may_be_local=may_be_local)
    if digits is None or mapping.records.epochs == "utc":
        return value
    if mapping.records.epochs == "local":
        return digits
    raise AmbiguousError(
        f"the time {shown(value)} can be {digits} UTC (--set records.epochs=utc) or {digits} in {mapping.time.zone} "
        "(--set records.epochs=local), as Debezium writes a column without a time zone"
    )


def _digits(value: Any, *, may_be_local: bool) -> str | None:
    """The digits of a clock that a count gives, if it may be a local time."""
    if isinstance(value, EpochMoment):
        return value.removesuffix("Z").replace("T", " ")
    if not may_be_local or not isinstance(value, Number) or not value.isdecimal() or len(value) not in _UNITS:
        return None
    factor, divisor = _UNITS[len(value)]
    return (_EPOCH + timedelta(microseconds=int(value) * factor // divisor)).isoformat(" ")
