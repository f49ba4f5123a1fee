"""Encodes what is published of many changes: the same bytes as :mod:`data.contract.change_events`, in less time.

Most of an event is the same for all changes, or for all changes to a segment or under a model. These parts are encoded
once, and each event is put together from them and from what only its row has. A change and its latest state have nearly
everything in common.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from data.contract.change_events import CHANGE_TYPE, EVENT_HEADERS, STATE_TYPE, segment_ref
from data.contract.change_row import ChangeRow
from data.contract.events import CHANGES_SOURCE, STATES_SOURCE
from data.contract.wire import Headers
from models.units import money_text

_encode = msgspec.json.Encoder().encode

K = TypeVar("K")
V = TypeVar("V")
Header = tuple[str, str | bytes | None]


class Published(NamedTuple):
    """A record of a topic: its key, its value (None for a tombstone) and its headers."""

    customer_id: str
    value: bytes | None
    headers: Headers


class EventEncoder:
    """Encodes the events of changes. ``personas`` has the segment names by id, and ``log_id`` is in all headers."""

    def __init__(self, personas: Mapping[str, str], log_id: str) -> None:
        def segment(of: str | None) -> str:
            return _json(None if of is None else segment_ref(of, personas))

        self._segment = _Once[str | None, str](segment)
        self._text = _Once[str | None, str](_json)
        self._to = _Once[str, Header](lambda segment: ("to", segment.encode()))
        self._cause = _Once[str, Header](lambda cause: ("cause", cause.encode()))
        self._log_id: Header = ("log_id", log_id.encode())

    def encode(self, rows: Sequence[ChangeRow]) -> tuple[list[Published], list[Published]]:
        """The latest state of each customer of some changes, and all the changes in order.

        Of a tombstone there is a state without a value, and no change.
        """
        latest = {row.customer_id: row.position for row in rows}
        states: dict[str, Published] = {}
        changes: list[Published] = []
        for row, moment in zip(rows, _moments(rows), strict=True):
            customer_id = row.customer_id
            if row.is_tombstone:
                states[customer_id] = Published(customer_id, None, EVENT_HEADERS)
                continue
            customer, time, to = _json(customer_id), f'{_json(moment)[:-1]}Z"', self._segment[row.to_segment]
            begin = (
                # The id ends with the sequence instead of the customer's closing quotation mark.
                f'"id":{customer[:-1]}:{row.sequence}","subject":{customer},"time":{time},'
                f'"datacontenttype":"application/json","data":{{"customer_id":{customer},"sequence":{row.sequence}'
            )
            numbers = (
                f'"recency_days":{row.recency_days},"frequency":{row.frequency},'
                f'"monetary":"{money_text(row.monetary)}","model_version":{self._text[row.model_version]}'
            )
            end = f"{_amount('gross', row.gross)}{_amount('returned', row.returned)}}}}}"
            headers = (
                ("ce_id", f"{customer_id}:{row.sequence}".encode()),
                self._to[row.to_segment],
                self._cause[row.cause],
                self._log_id,
            )
            change = (
                f'{_CHANGE}{begin},"from":{self._segment[row.from_segment]},"to":{to},"cause":{self._text[row.cause]},'
                f'"effective_at":{time},{numbers},"transaction_id":{_json(row.transaction_id)}{end}'
            )
            changes.append(Published(customer_id, change.encode(), [*_CHANGE_HEADERS, *headers]))
            if latest[customer_id] == row.position:
                state = f'{_STATE}{begin},"segment":{to},"since":{time},{numbers}{end}'
                states[customer_id] = Published(customer_id, state.encode(), [*_STATE_HEADERS, *headers])
        return [states[customer_id] for customer_id in latest], changes


class _Once(dict[K, V]):
    """Encodes each value once."""

    def __init__(self, encode: Callable[[K], V]) -> None:
        super().__init__()
        self._of = encode

    def __missing__(self, value: K) -> V:
        encoded = self[value] = self._of(value)
        return encoded


def _json(value: Any) -> str:
    return _encode(value).decode()


def _moments(rows: Sequence[ChangeRow]) -> list[datetime]:
    """The moments of changes, in UTC but without a timezone."""
    micros = np.fromiter((row.effective_at for row in rows), dtype=np.int64, count=len(rows))
    moments: list[datetime] = micros.view("datetime64[us]").tolist()
    return moments


def _amount(name: str, units: int | None) -> str:
    return "" if units is None else f',"{name}":"{money_text(units)}"'


def _begin(event_type: str, source: str) -> str:
    return f'{{"specversion":"1.0","type":{_json(event_type)},"source":{_json(source)},'


def _typed(event_type: str) -> Headers:
    return [*EVENT_HEADERS, ("ce_type", event_type.encode())]


_CHANGE, _CHANGE_HEADERS = _begin(CHANGE_TYPE, CHANGES_SOURCE), _typed(CHANGE_TYPE)
_STATE, _STATE_HEADERS = _begin(STATE_TYPE, STATES_SOURCE), _typed(STATE_TYPE)
