"""How many examples a property test tries, in proportion to the Hypothesis profile that is loaded."""

from hypothesis import settings

# The number that the profile ``thorough`` tries for a property without a number of its own.
THOROUGH = 100
FEWEST = 5


def examples(thorough: int) -> int:
    """The number of examples for a property that tries ``thorough`` of them with the profile of that name."""
    return max(thorough * settings().max_examples // THOROUGH, FEWEST)
