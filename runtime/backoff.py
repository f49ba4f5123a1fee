"""How long to wait before something that has failed is tried again."""

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 2.0
# Far beyond the longest wait, and far below what a float can hold: outages may last for days.
_MOST_DOUBLINGS = 16


def wait_seconds(failures: int) -> float:
    """Twice as long after each failure in a row, up to two seconds."""
    return min(_FIRST_SECONDS * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_SECONDS)
