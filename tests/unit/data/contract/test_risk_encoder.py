"""The fast encoder of risk changes publishes what the contract's types say, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st

from data.contract.risk_encoder import encode_risk
from data.contract.risk_events import risk_event, risk_headers
from data.contract.risk_row import RiskRow
from models.rhythm.risk import RISK_STATES
from stream_app.core.risk_columns import RiskCause
from tests.support.event_strategies import CUSTOMER, MOMENT, TEXT
from tests.support.hostile import HOSTILE

_state = st.one_of(st.none(), st.sampled_from([*RISK_STATES, HOSTILE]))
_rows = st.lists(
    st.builds(
        RiskRow,
        position=st.integers(1, 2**62),
        customer_id=CUSTOMER,
        sequence=st.integers(1, 2**31 - 1),
        from_state=_state,
        to_state=_state,
        cause=st.sampled_from([cause.word for cause in RiskCause]),
        effective_at=MOMENT,
        frequency=st.integers(0, 2**31 - 1),
        last_purchase_at=st.one_of(st.none(), MOMENT),
        next_state=_state,
        next_at=st.one_of(st.none(), MOMENT),
        rhythm_version=st.one_of(st.none(), TEXT),
        transaction_id=st.one_of(st.none(), TEXT),
    ),
    max_size=12,
)


@given(_rows, TEXT)
def test_events_are_those_of_the_contract_byte_for_byte_and_there_are_no_states(
    rows: list[RiskRow], log_id: str
) -> None:
    states, events = encode_risk(rows, {}, log_id)
    assert states == []
    assert [tuple(event) for event in events] == [
        (row.customer_id, risk_event(row), risk_headers(row, log_id)) for row in rows
    ]
