"""Back-off between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import wait_seconds


@given(st.integers(1, 10**9))
def test_waits_grow_to_two_seconds_and_no_further_in_an_outage_of_any_length(failures: int) -> None:
    assert 0 < wait_seconds(failures) <= wait_seconds(failures + 1) <= 2
