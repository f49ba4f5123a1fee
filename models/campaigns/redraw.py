"""The same campaign with the holdout drawn again: what would have been seen, had chance chosen others."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from models.campaigns.outcomes import Trajectories
from models.units import Bools, Floats

_BLOCK = 256


class Sums(NamedTuple):
    """What the held-out customers of each draw had done by the end of each day; each of shape (draws, days).

    Parameters
    ----------
    bought
        How many had ordered.
    money, squares
        What they had spent, and the sum of its squares.
    """

    bought: Floats
    money: Floats
    squares: Floats


def held_out_sums(found: Trajectories, held_out: Bools, draws: int, seed: int) -> Sums:
    """Sums over the held-out customers: first those of the holdout as it is, then those of holdouts drawn again.

    Every draw holds out as many of all customers as there are. A draw does not change as the campaign goes on.

    Parameters
    ----------
    held_out
        Whether each customer of the campaign is held out, shape (n,).
    draws
        How many times the holdout is drawn again; the sums have one row more.
    """
    days = found.bought.shape[1]
    sums = Sums(*(np.zeros((draws + 1, days)) for _ in Sums._fields))
    begin = 0
    for block in _drawn(len(found.customer), len(held_out), int(held_out.sum()), draws, seed):
        rows = slice(begin, begin + len(block))
        members = np.concatenate([held_out[found.customer[rows]][None, :], block.T]).astype(np.float64)
        bought, money = found.bought[rows], found.money[rows]
        for total, values in zip(sums, (bought, money, money**2), strict=True):
            total += members @ values
        begin += len(block)
    return sums


def _drawn(active: int, customers: int, held_out: int, draws: int, seed: int) -> Iterator[Bools]:
    """Whether each active customer is held out in each draw, in blocks of shape (block, draws).

    Each customer in turn is drawn with the share of places that are left (selection sampling: Fan, Muller and Rezucha,
    Journal of the American Statistical Association 1962). Those who come later change nothing for those before.
    """
    rng = np.random.default_rng(seed)
    places = np.full(draws, held_out, dtype=np.int64)
    for begin in range(0, active, _BLOCK):
        size = min(_BLOCK, active - begin)
        chances = rng.random((size, draws))
        block = np.empty((size, draws), dtype=np.bool_)
        for row in range(size):
            block[row] = chances[row] * (customers - begin - row) < places
            places -= block[row]
        yield block
