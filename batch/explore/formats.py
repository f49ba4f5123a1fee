"""Numbers and dates as text in findings and tables."""

from datetime import date, datetime

import pandas as pd

from runtime.money import Money

MILLION = 1_000_000


def amount(value: float, money: Money) -> str:
    """Money without decimals; from a million on abbreviated.

    >>> [amount(value, Money("GBP", "en_GB")) for value in (12.3, -4567, 1_234_567)]
    ['£12', '-£4,567', '£1.23m']
    """
    return money.short(value) if abs(value) >= MILLION else money.rounded(value)


def percent(share: float) -> str:
    """A share as a percentage, with one decimal below 10 %; a dash if it is missing.

    >>> percent(0.1234), percent(0.0456), percent(0.00001), percent(0.0), percent(float("nan"))
    ('12%', '4.6%', '<0.1%', '0%', '–')
    """
    if pd.isna(share):
        return "–"
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


def month(moment: pd.Timestamp | date) -> str:
    """``November 2011``."""
    return f"{moment:%B %Y}"


def day(moment: datetime) -> str:
    """``9 December 2011``."""
    return f"{moment.day} {moment:%B %Y}"
