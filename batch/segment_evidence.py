"""What a definition of segments does to customers over time: direction, to-and-fro, delay, knowledge of orders."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from batch.customer_days import CustomerDays, first_rows, last_rows, rows_of
from batch.definitions import Definition, Fitted, fit_definition, segment_numbers
from batch.order_book import OrderBook, orders_between
from models.moves import BACK_WITHIN, Direction, direction, moves, to_and_fro
from models.units import MICROS_PER_DAY, Ints

#: Only segments that a customer stays in for this many days are worth having been moved to, and count for the delay.
LASTING = 30 * MICROS_PER_DAY
_NEVER = 10.0**9


class Evidence(NamedTuple):
    """One definition, fitted and applied to a whole history.

    Parameters
    ----------
    moves, to_and_fro
        All moves, and those of them that lead back within 90 days.
    delay
        Median days by which hysteresis delays moves that last; 0 without hysteresis.
    """

    fitted: Fitted
    direction: Direction
    moves: int
    to_and_fro: int
    delay: float


def evidence(definition: Definition, days: CustomerDays, until: int, k: int, seed: int = 42) -> Evidence:
    """Fit a definition on the customers at a moment, apply it to all rows, and measure."""
    fitted = fit_definition(definition, days, until, k, seed)
    numbers = segment_numbers(definition, fitted, days)
    found = moves(days.customer, days.at, days.cause, numbers)
    delay = 0.0
    if definition.margin > 0:
        at_once = segment_numbers(replace(definition, margin=0.0), fitted, days)
        delay = median_delay(days, at_once, numbers)
    return Evidence(fitted, direction(found), len(found.row), to_and_fro(found, BACK_WITHIN), delay)


def median_delay(days: CustomerDays, at_once: Ints, held: Ints) -> float:
    """Median days from a move without hysteresis that lasts until the segment with hysteresis is the same.

    A move that hysteresis swallows counts as one that never comes.
    """
    found = moves(days.customer, days.at, days.cause, at_once)
    starts = first_rows(days.customer)
    ends = np.append(starts[1:], len(days.customer))[np.searchsorted(starts, found.row, side="right") - 1]
    until = np.minimum(np.append(found.row[1:], len(days.customer)), ends)
    lasting = np.flatnonzero(days.at[until - 1] - found.at >= LASTING)
    delays = []
    for number in lasting.tolist():
        row = int(found.row[number])
        same = held[row : int(until[number])] == found.after[number]
        delays.append((days.at[row + int(same.argmax())] - days.at[row]) / MICROS_PER_DAY if same.any() else _NEVER)
    return float(np.median(delays)) if delays else 0.0


def order_auc(definition: Definition, days: CustomerDays, book: OrderBook, begin: int, k: int) -> float:
    """How well the segments at a moment, fitted then, rank who orders within the next 90 days; without hysteresis."""
    fitted = fit_definition(definition, days, begin, k)
    now = rows_of(days, last_rows(days, begin))
    numbers = segment_numbers(definition, fitted, now)
    count = orders_between(book, begin, begin + 90 * MICROS_PER_DAY)[0]
    return float(roc_auc_score(count[now.customer] > 0, -numbers))
