"""The two exact units that everything below the edges counts in.

Time is an ``int`` of microseconds since 1970-01-01 UTC, money an ``int`` of ten-thousandths of the currency's unit
(the dataset has prices with three decimals). Both convert to and from their everyday types without rounding.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MICROS_PER_DAY = 86_400_000_000
MONEY_UNITS = 10_000
MONEY_DECIMALS = 4

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch of a timezone-aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The UTC moment ``micros`` microseconds after the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def to_money_units(amount: Decimal) -> int:
    """Ten-thousandths of the currency's unit in ``amount``.

    Raises
    ------
    ValueError
        If the amount has more than four decimals or is not finite.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money")
    scaled = amount.scaleb(MONEY_DECIMALS)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {MONEY_DECIMALS} decimals")
    return int(scaled)


def from_money_units(units: int) -> Decimal:
    """The exact amount of ``units`` ten-thousandths, with at least two decimals.

    >>> from_money_units(123450), from_money_units(-100000)
    (Decimal('12.345'), Decimal('-10.00'))
    """
    return Decimal(money_text(units))


def money_text(units: int) -> str:
    """The plain text of an amount, with two decimals or as many as it needs: 123450 is ``12.345``."""
    whole, part = divmod(abs(units), MONEY_UNITS)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{f'{part:04d}'.rstrip('0').ljust(2, '0')}"
