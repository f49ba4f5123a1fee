"""Why a customer has no last purchase, in words, the same wherever it is shown."""

ALL_CANCELLED = "all orders cancelled"
NEVER_BOUGHT = "never bought"


def without_purchase(has_segment: bool) -> str:
    """What is said of a customer without a purchase; only a customer who has bought before is in a segment.

    >>> without_purchase(True), without_purchase(False)
    ('all orders cancelled', 'never bought')
    """
    return ALL_CANCELLED if has_segment else NEVER_BOUGHT
