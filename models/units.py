"""The two exact units of all internal arithmetic.

Time is an ``int`` of microseconds since 1970-01-01 UTC. Money is an ``int`` of money units, which are ten-thousandths
of the currency unit (prices in the dataset have three decimals). Both convert to and from ``datetime`` and ``Decimal``
without rounding.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MICROS_PER_DAY = 86_400_000_000
MONEY_UNITS = 10_000
MONEY_DECIMALS = 4

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds from the epoch to a timezone-aware moment.

    >>> to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == MICROS_PER_DAY
    True
    """
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, in UTC, that is ``micros`` microseconds after the epoch.

    >>> from_micros(MICROS_PER_DAY).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def to_money_units(amount: Decimal) -> int:
    """The amount in money units.

    Raises
    ------
    ValueError
        If the amount has more than four decimals or is not finite.

    Examples
    --------
    >>> to_money_units(Decimal("12.345"))
    123450
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money")
    scaled = amount.scaleb(MONEY_DECIMALS)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {MONEY_DECIMALS} decimals")
    return int(scaled)


def from_money_units(units: int) -> Decimal:
    """The exact amount of currency, with at least two decimals.

    >>> from_money_units(123450), from_money_units(-100000)
    (Decimal('12.345'), Decimal('-10.00'))
    """
    return Decimal(money_text(units))


def money_text(units: int) -> str:
    """An amount as text without an exponent, with two decimals, or three or four if it needs them.

    >>> money_text(123450), money_text(100000), money_text(-1)
    ('12.345', '10.00', '-0.0001')
    """
    if units >= MONEY_UNITS and not units % 100:
        # Nearly every amount of a shop, in a third of the time.
        digits = str(units)
        return f"{digits[:-4]}.{digits[-4:-2]}"
    whole, part = divmod(abs(units), MONEY_UNITS)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{f'{part:04d}'.rstrip('0').ljust(2, '0')}"
