"""Waiting between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import wait_seconds


@given(st.integers(1, 10**9))
def test_an_outage_of_any_length_is_waited_out_in_steps_of_two_seconds_at_most(failures: int) -> None:
    assert 0 < wait_seconds(failures) <= wait_seconds(failures + 1) <= 2
