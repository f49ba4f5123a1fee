"""Moves, their direction and to-and-fro, counted by hand."""

import numpy as np

from models.moves import EXPIRY, PURCHASE, RETURN, TIME, direction, moves, to_and_fro
from models.units import MICROS_PER_DAY, Ints

# Customer, day, cause, segment (0 is the best): every kind of move once, and a second customer who begins elsewhere.
ROWS = np.array(
    [
        (7, 0, PURCHASE, 2),
        (7, 5, PURCHASE, 1),  # a purchase climbs
        (7, 6, TIME, 1),
        (7, 20, TIME, 2),  # time falls, back within 15 days
        (7, 30, TIME, 1),  # time climbs, back within 10 days
        (7, 31, PURCHASE, 2),  # a purchase falls, back within a day
        (7, 200, RETURN, 1),  # a return climbs, back after 169 days
        (7, 201, EXPIRY, 3),  # something left the window
        (9, 0, PURCHASE, 1),  # another customer: no move
        (9, 9, TIME, 2),  # time falls
    ]
)


def columns() -> tuple[Ints, Ints, Ints, Ints]:
    customer, day, cause, segment = ROWS.T
    return customer, day * MICROS_PER_DAY, cause, segment


def test_only_changes_of_one_customer_are_moves() -> None:
    found = moves(*columns())
    assert found.row.tolist() == [1, 3, 4, 5, 6, 7, 9]
    assert found.before.tolist() == [2, 1, 2, 1, 2, 1, 1]
    assert found.after.tolist() == [1, 2, 1, 2, 1, 3, 2]


def test_time_that_climbs_and_purchases_that_fall_are_counted() -> None:
    found = direction(moves(*columns()))
    assert (found.by_time, found.climbs, found.by_purchase, found.falls) == (3, 1, 2, 1)
    assert (found.climb_share, found.fall_share) == (1 / 3, 0.5)


def test_without_moves_nothing_goes_the_wrong_way() -> None:
    nothing = moves(*(np.empty(0, dtype=np.int64) for _ in range(4)))
    assert direction(nothing).climb_share == 0.0
    assert to_and_fro(nothing, MICROS_PER_DAY) == 0


def test_moves_back_count_only_within_their_time() -> None:
    found = moves(*columns())
    assert to_and_fro(found, 90 * MICROS_PER_DAY) == 3
    assert to_and_fro(found, 9 * MICROS_PER_DAY) == 1
    assert to_and_fro(found, 365 * MICROS_PER_DAY) == 4
