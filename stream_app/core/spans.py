"""Spans: the states of customers, taken together while neither their order dates nor their frequency change. Pure.

Risk states depend on nothing else. A return, or a revision of an amount, begins no span.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.rhythm.histories import Histories
from models.rhythm.rhythms import within_the_clock
from models.units import Ints
from stream_app.core.states import States


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of every customer in order, the one of the stored state first.

    A span begins at ``begins``, with the record ``record`` of cause ``cause``. Time passes in it up to ``reaches``: to
    the begin of the next span, or to the watermark. ``last`` has the row of each customer's last span.
    """

    customer: Ints
    stored: NDArray[np.bool_]
    record: Ints
    cause: Ints
    first_purchase_at: Ints
    last_purchase_at: Ints
    frequency: Ints
    begins: Ints
    reaches: Ints
    last: Ints

    def histories(self, rows: Ints) -> Histories:
        """The histories of some spans, whose customers have orders."""
        columns = (self.first_purchase_at, self.last_purchase_at, self.frequency)
        return within_the_clock(Histories(*(column[rows] for column in columns)))


def spans(states: States) -> Spans:
    """The spans of every customer."""
    first = _first_purchases(states)
    begins = states.stored.copy()
    for column in (first, states.last_purchase_at, states.frequency):
        begins[1:] |= column[1:] != column[:-1]
    head = np.flatnonzero(begins)
    end, first_heads = _ends(head, len(begins)), np.flatnonzero(states.stored[head])
    return Spans(
        customer=states.customer[head],
        stored=states.stored[head],
        record=states.record[head],
        cause=states.cause[head],
        first_purchase_at=first[head],
        last_purchase_at=states.last_purchase_at[head],
        frequency=states.frequency[head],
        begins=states.as_of[head],
        # A customer's own record may be newer than the watermark.
        reaches=np.maximum(states.as_of[end], states.ends_at[end]),
        last=_ends(first_heads, len(head)),
    )


def _ends(starts: Ints, count: int) -> Ints:
    """The last one of ``count`` rows before each next start."""
    return np.asarray(np.append(starts, count)[1:] - 1)


def _first_purchases(states: States) -> Ints:
    """The moment of the first purchase in every state: the smallest one since the stored state or the last revision."""
    found = states.first_purchase_at.copy()
    section = np.cumsum(states.stored | (states.revises == 1))
    # Each round doubles the number of states that are taken into account.
    step = 1
    while step < len(found) and (same := section[step:] == section[:-step]).any():
        found[step:] = np.where(same, np.minimum(found[step:], found[:-step]), found[step:])
        step *= 2
    return found
