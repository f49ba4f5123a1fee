"""How large a difference must be on each day, so that all days together raise a false alarm at most so often.

The chance of a false alarm is spent over the days of the campaign (Lan and DeMets, Biometrika 1983; by calendar time
as in Lan and DeMets, Statistics in Medicine 1989), with the power family of Kim and DeMets (Biometrika 1987). The
boundary of a day depends on this day and earlier ones only, so it never changes once the day has passed.
"""

from fractions import Fraction

import numpy as np

from models.units import Floats, Ints

#: The chance that the interval of any day is wrong, over the whole campaign. There are two measures, the share of
#: buyers and money, so with a chance of 95 % all intervals of a campaign are right, whichever somebody looks at.
FALSE_ALARMS = Fraction(1, 40)
#: The chance spent by a share s of the horizon is s to this power: little at first, when few have bought.
POWER = 2
# With few buyers many draws are equal, up to the last digits of their sums. Equal paths must not cross.
_EQUAL = 1 + 1e-9


def allowed(paths: int, days: int, horizon: int) -> Ints:
    """How many of some paths without an effect may have crossed the boundary by the end of each day.

    Returns
    -------
    array of int
        Shape (days,).
    """
    spent = (FALSE_ALARMS * Fraction(day, horizon) ** POWER for day in range(1, days + 1))
    return np.array([int(share * paths) for share in spent], dtype=np.int64)


def boundaries(paths: Floats, allowances: Ints) -> Floats:
    """The boundary of each day: a path crosses it if its value is greater.

    On each day the largest of those paths that have not crossed yet cross, as many as are allowed. All paths count
    alike. So if the observed path is one of them, and exchangeable with the others, then it crosses on any day with at
    most the chance that is spent, however few customers there are.

    Parameters
    ----------
    paths
        Absolute values of a test statistic without an effect, shape (paths, days).
    allowances
        As from :func:`allowed`, shape (days,).

    Returns
    -------
    array of float
        Shape (days,); infinite on days on which no path may cross yet.
    """
    left = np.ones(len(paths), dtype=np.bool_)
    found = np.full(len(allowances), np.inf)
    for day, allowance in enumerate(allowances.tolist()):
        values = paths[left, day]
        new = allowance - (len(paths) - len(values))
        if new < 1:
            continue
        # Of equal values none crosses, so fewer may have crossed than are allowed; later days use what is left.
        place = len(values) - new - 1
        found[day] = np.partition(values, place)[place] * _EQUAL
        left &= paths[:, day] <= found[day]
    return found
