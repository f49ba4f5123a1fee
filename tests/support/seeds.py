"""The seeds of simulated histories, in the order in which a test tries them."""

from collections.abc import Sequence


def seeds_beginning_with(first: Sequence[int], end: int) -> list[int]:
    """All seeds from 1 up to an end, some of them before the others."""
    return [*first, *(seed for seed in range(1, end) if seed not in first)]
