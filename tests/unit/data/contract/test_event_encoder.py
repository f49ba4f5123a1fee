"""The fast encoder publishes what the contract's types say, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st

from data.contract.change_events import EVENT_HEADERS, change_event, change_headers, segment_event, state_headers
from data.contract.change_row import ChangeRow
from data.contract.event_encoder import EventEncoder
from stream_app.core.columns import Cause
from tests.support.event_strategies import CUSTOMER, MOMENT, TEXT
from tests.support.hostile import HOSTILE

PERSONAS = {"loyal": 'The "loyal" \\ ones', "lost": HOSTILE, "é": "É 🛒"}
_segment = st.sampled_from(["loyal", "lost", "é", "unknown", 'q"'])
_money = st.one_of(
    st.integers(0, 200), st.integers(0, 4 * 10**18), st.integers(0, 10**9).map(lambda pence: 100 * pence)
)


@st.composite
def rows(draw: st.DrawFn) -> list[ChangeRow]:
    """Changes and tombstones in the order of their positions."""
    found = []
    for position in range(1, draw(st.integers(0, 12)) + 1):
        customer = draw(CUSTOMER)
        if draw(st.integers(0, 9)) == 0:
            found.append(ChangeRow.tombstone(position, customer))
            continue
        found.append(
            ChangeRow(
                position=position,
                customer_id=customer,
                sequence=draw(st.integers(1, 2**31 - 1)),
                from_segment=draw(st.one_of(st.none(), _segment)),
                to_segment=draw(_segment),
                cause=draw(st.sampled_from([cause.word for cause in Cause])),
                effective_at=draw(MOMENT),
                recency_days=draw(st.integers(0, 90_000)),
                frequency=draw(st.integers(0, 2**31 - 1)),
                monetary=draw(_money),
                model_version=draw(TEXT),
                transaction_id=draw(st.one_of(st.none(), TEXT)),
                gross=draw(st.one_of(st.none(), _money)),
                returned=draw(st.one_of(st.none(), _money)),
            )
        )
    return found


@given(rows(), TEXT)
def test_states_and_changes_are_those_of_the_contract_byte_for_byte(published: list[ChangeRow], log_id: str) -> None:
    states, changes = EventEncoder(PERSONAS, log_id).encode(published)
    latest = {row.customer_id: row for row in published}
    assert [tuple(state) for state in states] == [
        (row.customer_id, None, EVENT_HEADERS)
        if row.is_tombstone
        else (row.customer_id, segment_event(row, PERSONAS), state_headers(row, log_id))
        for row in latest.values()
    ]
    assert [tuple(change) for change in changes] == [
        (row.customer_id, change_event(row, PERSONAS), change_headers(row, log_id))
        for row in published
        if not row.is_tombstone
    ]


def test_no_changes_are_no_events() -> None:
    assert EventEncoder({}, "log").encode([]) == ([], [])
