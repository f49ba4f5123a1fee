"""How many examples a property test tries, in proportion to the Hypothesis profile that is loaded."""

from hypothesis import settings

# The number that the profile of ``make test`` tries for a property without a number of its own.
STANDARD = 100
FEWEST = 5


def examples(standard: int) -> int:
    """The number of examples for a property that tries ``standard`` of them in ``make test``."""
    return max(standard * settings().max_examples // STANDARD, FEWEST)
