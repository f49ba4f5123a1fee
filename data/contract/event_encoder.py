"""Encodes what is published of many changes: the same bytes as :mod:`data.contract.change_events`, in less time.

Each event is put together from parts that many events share (:mod:`data.contract.event_parts`), and from what only its
row has. A change and its latest state have nearly everything in common.
"""

from collections.abc import Mapping, Sequence

from data.contract.change_events import CHANGE_TYPE, EVENT_HEADERS, STATE_TYPE, segment_ref
from data.contract.change_row import ChangeRow
from data.contract.event_parts import Header, Once, Published, begin, json_moments, json_text, typed_headers
from data.contract.events import CHANGES_SOURCE, STATES_SOURCE
from models.units import money_text


class EventEncoder:
    """Encodes the events of changes. ``personas`` has the segment names by id, and ``log_id`` is in all headers."""

    def __init__(self, personas: Mapping[str, str], log_id: str) -> None:
        def segment(of: str | None) -> str:
            return json_text(None if of is None else segment_ref(of, personas))

        self._segment = Once[str | None, str](segment)
        self._text = Once[str | None, str](json_text)
        self._to = Once[str, Header](lambda segment: ("to", segment.encode()))
        self._cause = Once[str, Header](lambda cause: ("cause", cause.encode()))
        self._log_id: Header = ("log_id", log_id.encode())

    def encode(self, rows: Sequence[ChangeRow]) -> tuple[list[Published], list[Published]]:
        """The latest state of each customer of some changes, and all the changes in order.

        Of a tombstone there is a state without a value, and no change.
        """
        latest = {row.customer_id: row.position for row in rows}
        states: dict[str, Published] = {}
        changes: list[Published] = []
        for row, time in zip(rows, json_moments(row.effective_at for row in rows), strict=True):
            customer_id = row.customer_id
            if row.is_tombstone:
                states[customer_id] = Published(customer_id, None, EVENT_HEADERS)
                continue
            customer, to = json_text(customer_id), self._segment[row.to_segment]
            opening = (
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
                f'{_CHANGE}{opening},"from":{self._segment[row.from_segment]},"to":{to},"cause":{self._text[row.cause]},'
                f'"effective_at":{time},{numbers},"transaction_id":{json_text(row.transaction_id)}{end}'
            )
            changes.append(Published(customer_id, change.encode(), [*_CHANGE_HEADERS, *headers]))
            if latest[customer_id] == row.position:
                state = f'{_STATE}{opening},"segment":{to},"since":{time},{numbers}{end}'
                states[customer_id] = Published(customer_id, state.encode(), [*_STATE_HEADERS, *headers])
        return [states[customer_id] for customer_id in latest], changes


def _amount(name: str, units: int | None) -> str:
    return "" if units is None else f',"{name}":"{money_text(units)}"'


_CHANGE, _CHANGE_HEADERS = begin(CHANGE_TYPE, CHANGES_SOURCE), typed_headers(CHANGE_TYPE)
_STATE, _STATE_HEADERS = begin(STATE_TYPE, STATES_SOURCE), typed_headers(STATE_TYPE)
