"""When customers order next: probabilities, intervals, and the moment at which the probability falls to a border.

Between orders of a customer who is alive, the rate has a Gamma(r+x, alpha+T) distribution. So the wait for the next
order has a Lomax distribution, P(wait > h) = ((alpha+T) / (alpha+T+h))^(r+x), and no customer is gone before it.
"""

import numpy as np

from models.rhythm.alive import log_p_alive, p_alive, silence_until_alive_is
from models.rhythm.buying import Buying
from models.rhythm.histories import Observed
from models.units import Floats

#: A root is found when a step moves it by less than this share of itself: rounding moves it by as much.
_CLOSE = 1e-15
#: Newton needs fewer than ten steps and bisection 60; this many are never needed.
_MOST_STEPS = 200


def p_order_within(buying: Buying, seen: Observed, days: Floats | float) -> Floats:
    """The probability that each customer orders within the next days, shape (n,).

    It rises with ``days`` and falls while a customer is silent.
    """
    return p_alive(buying, seen) * p_wait_within(buying, seen, days)


def p_wait_within(buying: Buying, seen: Observed, days: Floats | float) -> Floats:
    """The same probability for customers who are known to be alive."""
    return np.asarray(-np.expm1(-(buying.r + seen.x) * np.log1p(days / (buying.alpha + seen.age))))


def wait_quantile(buying: Buying, seen: Observed, share: float) -> Floats:
    """Days from now within which so large a share of such customers, if alive, order again: shape (n,).

    The shares 0.1 and 0.9 bound the interval that has 80 % of the next orders, 0.25 and 0.75 the one that has half.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share between 0 and 1 is needed, not {share}")
    with np.errstate(over="ignore"):
        return np.asarray((buying.alpha + seen.age) * np.expm1(-np.log1p(-share) / (buying.r + seen.x)))


def silence_until_order_is(buying: Buying, x: Floats, t_x: Floats, days: float, p: float) -> Floats:
    """Days of silence after the last order until :func:`p_order_within` has fallen to ``p``.

    Both of its factors fall with silence, so there is one root at most. Each factor alone has a closed form for the
    moment at which it is ``p``; the earlier of these two moments is not before the root. From there Newton's method on
    the logarithm of the probability finds the root; a step out of the interval that is left becomes a bisection.

    Returns
    -------
    array of float
        Shape (n,). 0 for customers with whom the probability is not above ``p`` even at the moment of the last order.
    """
    by_alive = silence_until_alive_is(buying, x, t_x, p)
    by_wait = days / np.expm1(-np.log1p(-p) / (buying.r + x)) - buying.alpha - t_x
    at_once = _log_p_order(buying, Observed(x, t_x, t_x), days)[0] <= np.log(p)
    root = np.where(at_once, 0.0, np.maximum(np.minimum(by_alive, by_wait), 0.0))
    low, high = np.zeros(len(x)), root.copy()
    searched = np.flatnonzero(root > 0)
    for _ in range(_MOST_STEPS):
        if not len(searched):
            break
        at = root[searched]
        height, fall = _log_p_order(buying, Observed(x[searched], t_x[searched], t_x[searched] + at), days)
        above = height > np.log(p)
        low[searched] = np.where(above, at, low[searched])
        high[searched] = np.where(above, high[searched], at)
        step = at + (height - np.log(p)) / fall
        inside = (low[searched] <= step) & (step <= high[searched])
        root[searched] = np.where(inside, step, (low[searched] + high[searched]) / 2)
        moved = np.abs(root[searched] - at) > _CLOSE * (buying.alpha + t_x[searched] + at)
        searched = searched[moved]
    return root


def _log_p_order(buying: Buying, seen: Observed, days: float) -> tuple[Floats, Floats]:
    """The logarithm of :func:`p_order_within`, and how fast it falls with a day of silence."""
    alive, wait = log_p_alive(buying, seen), p_wait_within(buying, seen, days)
    shape, level = buying.r + seen.x, buying.alpha + seen.age
    by_alive = -np.expm1(alive) * shape / level
    by_wait = (1 - wait) / wait * shape * days / (level * (level + days))
    return np.asarray(alive + np.log(wait)), np.asarray(by_alive + by_wait)


def expected_orders(buying: Buying, seen: Observed, days: Floats | float) -> Floats:
    """The expected number of orders within the next days, shape (n,).

    With z = days / (alpha+T+days), Euler's transformation of the published form gives

        P(alive) (a+b+x)/(a-1) (1 - (1-z)^(a-1) 2F1(a-1, a+b-r; a+b+x; z))

    which does not lose digits for customers with hundreds of orders. At a = 1 the form is 0/0; around it, the line
    through two points at 1 - 1e-5 and 1 + 1e-5 is used, which is right to 1e-9.
    """
    return p_alive(buying, seen) * expected_orders_if_alive(buying, seen, days)


def expected_orders_if_alive(buying: Buying, seen: Observed, days: Floats | float) -> Floats:
    """The same number for customers who are known to be alive now; they may still leave within these days."""
    near = 1e-5
    if abs(buying.a - 1) >= near:
        return _expected_if_alive(buying, seen, days)
    around = (Buying(buying.r, buying.alpha, a, buying.b) for a in (1 - near, 1 + near))
    below, above = (_expected_if_alive(each, seen, days) for each in around)
    return np.asarray(below + (buying.a - 1 + near) / (2 * near) * (above - below))


def _expected_if_alive(buying: Buying, seen: Observed, days: Floats | float) -> Floats:
    from scipy.special import hyp2f1

    r, a, b = buying.r, buying.a, buying.b
    total = a + b + seen.x
    z = days / (buying.alpha + seen.age + days)
    series = hyp2f1(a - 1, a + b - r, total, z)
    # Where r - a is a whole number, scipy overflows for a hundred orders; beside it, the value is the same to 1e-12.
    series = np.where(np.isfinite(series), series, hyp2f1(a - 1, a + b - r + 1e-11, total, z))
    stay = (1 - z) ** (a - 1) * series
    return np.asarray(total / (a - 1) * (1 - stay))
