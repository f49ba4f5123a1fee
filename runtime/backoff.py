"""Back-off: how long to wait before something that failed is tried again."""

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 2.0
# An outage may last for days: without a bound, the power would overflow a float.
_MOST_DOUBLINGS = 32


def doubled(first: float, longest: float, doublings: int) -> float:
    """Return ``first`` doubled this many times, but ``longest`` at most.

    Examples
    --------
    >>> [doubled(0.5, 10.0, number) for number in range(6)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    """
    return min(first * 2.0 ** min(doublings, _MOST_DOUBLINGS), longest)


def wait_seconds(failures: int) -> float:
    """Return the seconds to wait after this many failures in a row: they double, up to two seconds."""
    return doubled(_FIRST_SECONDS, _LONGEST_SECONDS, failures)
