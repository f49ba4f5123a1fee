"""What the customers of a campaign did, drawn at random."""

import numpy as np

from models.campaigns.outcomes import Outcomes


def some_outcomes(
    seed: int, customers: int = 400, days: int = 30, share: float = 0.3, held_out: float = 0.25, effect: float = 0.0
) -> Outcomes:
    """Orders of about a share of the customers, with heavy-tailed amounts; treated ones buy more by the effect."""
    rng = np.random.default_rng(seed)
    is_held_out = rng.random(customers) < held_out
    buys = rng.random(customers) < np.where(is_held_out, share, share + effect)
    customer = np.repeat(np.flatnonzero(buys), rng.integers(1, 4, int(buys.sum())))
    is_return = rng.random(len(customer)) < 0.1
    money = np.exp(rng.normal(3, 1.5, len(customer))) * np.where(is_return, -0.5, 1)
    day = rng.integers(1, days + 1, len(customer))
    return Outcomes(is_held_out, customer, day, (~is_return).astype(np.int64), money, days)


def until(outcomes: Outcomes, days: int) -> Outcomes:
    """What was known after this many days."""
    return outcomes.rows(outcomes.day <= days)._replace(days=days)
