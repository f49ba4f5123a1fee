"""Moves between segments, and whether their direction makes sense: time should not promote, nor a purchase demote."""

from typing import NamedTuple

import numpy as np

from models.units import MICROS_PER_DAY, Bools, Ints

#: What a row of a history is: a whole day of silence, a purchase, a return, or the day on which one left the window.
TIME, PURCHASE, RETURN, EXPIRY = range(4)
#: A move back within this many microseconds counts as to-and-fro.
BACK_WITHIN = 90 * MICROS_PER_DAY


class Moves(NamedTuple):
    """Moves of all customers, a customer's moves together and in order; each of shape (n,).

    Parameters
    ----------
    row
        The row of the history at which the customer is in the new segment for the first time.
    customer, at
        Number of the customer; moment in microseconds.
    cause
        ``TIME``, ``PURCHASE``, ``RETURN`` or ``EXPIRY``.
    before, after
        Numbers of segments, which are in the order of their rank: 0 is the best.
    """

    row: Ints
    customer: Ints
    at: Ints
    cause: Ints
    before: Ints
    after: Ints


class Direction(NamedTuple):
    """How many moves time and purchases caused, and how many of these went the wrong way."""

    by_time: int
    climbs: int
    by_purchase: int
    falls: int

    @property
    def climb_share(self) -> float:
        """The share of the moves by time alone that climb."""
        return self.climbs / max(self.by_time, 1)

    @property
    def fall_share(self) -> float:
        """The share of the moves by a purchase that fall."""
        return self.falls / max(self.by_purchase, 1)


def moves(customer: Ints, at: Ints, cause: Ints, segment: Ints) -> Moves:
    """All moves in a history: the rows on which a customer is in another segment than on the row before.

    Parameters
    ----------
    customer, at, cause, segment
        Shape (n,): the history, a customer's rows together and in order.
    """
    row = np.flatnonzero((customer[1:] == customer[:-1]) & (segment[1:] != segment[:-1])) + 1
    return Moves(row, customer[row], at[row], cause[row], segment[row - 1], segment[row])


def direction(found: Moves) -> Direction:
    """Count the moves by time and by purchase, and those of them that go the wrong way.

    >>> up = Moves(*(np.array([value]) for value in (1, 0, 0, TIME, 2, 1)))
    >>> direction(up)
    Direction(by_time=1, climbs=1, by_purchase=0, falls=0)
    """
    time, purchase = found.cause == TIME, found.cause == PURCHASE
    return Direction(*(int(part.sum()) for part in (time, climbs(found), purchase, falls(found))))


def climbs(found: Moves) -> Bools:
    """Which moves are caused by time alone and lead to a segment of better rank."""
    return np.asarray((found.cause == TIME) & (found.after < found.before))


def falls(found: Moves) -> Bools:
    """Which moves are caused by a purchase and lead to a segment of lower rank."""
    return np.asarray((found.cause == PURCHASE) & (found.after > found.before))


def to_and_fro(found: Moves, within: int) -> int:
    """How many moves lead back to the segment that the customer had left this many microseconds ago, or less."""
    return int(lead_back(found, within).sum())


def lead_back(found: Moves, within: int) -> Bools:
    """Which moves lead back to the segment that the customer had left this many microseconds ago, or less."""
    again = found.customer[1:] == found.customer[:-1]
    back = (found.after[1:] == found.before[:-1]) & (found.at[1:] - found.at[:-1] <= within)
    return np.append(np.zeros(min(len(found.at), 1), dtype=bool), again & back)
