"""The trailing window of a model in words, the same wherever numbers in it are shown."""


def last_days(window_days: int) -> str:
    """The window within a sentence.

    >>> last_days(365), last_days(1)
    ('the last 365 days', 'the last day')
    """
    return "the last day" if window_days == 1 else f"the last {window_days:,} days"


def in_last_days(window_days: int | None) -> str:
    """Where frequency and money are from, at the end of a phrase; empty if they count everything.

    >>> in_last_days(365), in_last_days(None)
    (' in the last 365 days', '')
    """
    return "" if window_days is None else f" in {last_days(window_days)}"
