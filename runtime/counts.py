"""Counts with their nouns, as people read them."""


def many(number: int, one: str, several: str | None = None) -> str:
    """A count with its noun, and with what follows the noun and depends on the number.

    Parameters
    ----------
    several
        The plural; by default ``one`` with an s.

    >>> many(1, "change"), many(12_345, "change"), many(2, "country", "countries")
    ('1 change', '12,345 changes', '2 countries')
    >>> many(1, "customer is", "customers are")
    '1 customer is'
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
