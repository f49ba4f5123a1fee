"""What rows of changes may contain, with all that an encoder of events could get wrong."""

from hypothesis import strategies as st

from models.units import MICROS_PER_DAY
from tests.support.hostile import ID

CUSTOMERS = ["C1", 'quote"', "back\\slash", "é🛒", "</script>", ID]
#: Decoded from JSON, so without lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
CUSTOMER = st.one_of(st.sampled_from(CUSTOMERS), TEXT)
_SECOND = 1_000_000
#: Microseconds.
MOMENT = st.one_of(
    st.integers(0, 230 * 365 * MICROS_PER_DAY), st.integers(0, 10**10).map(lambda seconds: seconds * _SECOND)
)
