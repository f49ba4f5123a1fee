"""Expiries: what a trailing window does to the states of customers. Pure.

Under a model with a window a transaction counts from its record on, until it is as old as the window: its expiry. So an
expiry is a state like a record. It begins at its own moment, before a record with the same as-of time, and counts what
is left. Expiries after the watermark are states, too. Nothing has become true in them yet, but the first change that
time alone makes may be among them.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from models.units import Ints
from stream_app.core.columns import NO_RECORD, Cause, Profiles
from stream_app.core.counted import NUMBERS, CountedTransactions
from stream_app.core.states import RfmState, States, running_sum


@dataclass(frozen=True, slots=True)
class Ahead(RfmState):
    """The states that n expiries after the watermark will begin, by customer and in order of time."""

    customer: Ints


class Unfolded(NamedTuple):
    """The states up to the watermark, and those that only expiries begin after it."""

    states: States
    ahead: Ahead


def known_until(before: Profiles, states: States) -> Ints:
    """Until when each stored state is known to stay as it is, expiries included: before its next change, or a record.

    A record that comes before the next change begins a state of its own, and so does whatever expires after it.
    """
    following = np.minimum(np.arange(len(states.customer)) + 1, len(states.customer) - 1)[states.stored]
    has_record = states.last > np.flatnonzero(states.stored)
    nothing_before = before.next_change_at - 1
    return np.where(has_record, np.minimum(states.as_of[following], nothing_before), nothing_before)


def with_expiries(states: States, counted: CountedTransactions, known_until: Ints, watermark: int) -> Unfolded:
    """Add the states that expiries begin, and let every state count what is in the window.

    Parameters
    ----------
    states
        The states to which the records lead (:func:`stream_app.core.states.unfold`).
    counted
        All transactions of the customers that are in the window, or were in it when their last record came.
    known_until
        For each customer, the moment at which the stored state counts what is in the window.
    watermark
        In microseconds. Later expiries are ahead, unless a record of the customer is later still.
    """
    row, began = _beginnings(states, counted, known_until)
    counts = np.flatnonzero(counted.expires_at > began)
    every = _merged(states, counted.select(counts), row[counts])
    until = np.maximum(states.as_of[states.last], watermark)[every.customer]
    ahead = (every.cause == Cause.EXPIRY.value) & (every.as_of > until)
    return Unfolded(
        _ending(every, np.flatnonzero(~ahead), watermark),
        Ahead(**{column.name: getattr(every, column.name)[ahead] for column in fields(Ahead)}),
    )


def _beginnings(states: States, counted: CountedTransactions, known_until: Ints) -> tuple[Ints, Ints]:
    """The state from which on each transaction counts, and the moment at which it begins to."""
    stored = np.flatnonzero(states.stored)
    sent = np.flatnonzero(~states.stored)
    row_of_record = np.zeros(len(sent) + 1, dtype=np.int64)
    row_of_record[states.record[sent]] = sent
    row = np.where(counted.record == NO_RECORD, stored[counted.customer], row_of_record[counted.record])
    return row, np.where(counted.record == NO_RECORD, known_until[counted.customer], states.as_of[row])


def _merged(states: States, counted: CountedTransactions, row: Ints) -> States:
    """All states in order, with those that expiries begin among them; ``ends_at`` and ``last`` are not those of them.

    ``row`` is the state from which on each transaction counts.
    """
    expiries, count = counted.by_expiry(), len(states.customer)
    customer = np.concatenate([states.customer, expiries.customer])
    as_of = np.concatenate([states.as_of, expiries.expires_at])
    is_state = np.arange(len(customer)) < count
    # An expiry comes before a record of its moment; states of equal as-of times stay in the order of the log.
    order = np.lexsort((is_state, as_of, customer))
    expires = ~is_state[order]
    # An expiry changes nothing but what counts: all the rest is that of the state before it.
    source = order[np.maximum.accumulate(np.where(expires, 0, np.arange(len(order))))]
    stored = states.stored[source] & ~expires

    def numbers(name: str) -> Ints:
        begins = np.zeros(count, dtype=np.int64)
        np.add.at(begins, row, getattr(counted, name))
        changes = np.concatenate([begins, -getattr(expiries, name)])[order]
        return running_sum(changes, np.flatnonzero(stored), customer[order])

    purchases, gross, returned = (numbers(name) for name in NUMBERS)
    columns = {column.name: getattr(states, column.name)[source] for column in fields(States) if column.name != "last"}
    return States(
        **columns
        | {
            "customer": customer[order],
            "as_of": as_of[order],
            "stored": stored,
            "revises": np.where(expires, 0, columns["revises"]),
            "record": np.where(expires, NO_RECORD, columns["record"]),
            "cause": np.where(expires, Cause.EXPIRY.value, columns["cause"]),
            "frequency": purchases,
            "gross": gross,
            "returned": returned,
            "last": states.last,
        }
    )


def _ending(every: States, rows: Ints, watermark: int) -> States:
    """Some of all states, each of which ends when the next one begins, or at the watermark."""
    columns = {column.name: getattr(every, column.name)[rows] for column in fields(States) if column.name != "last"}
    last = np.append(np.flatnonzero(columns["stored"]), len(rows))[1:] - 1
    # A border of recency at the moment of an expiry is no change of its own.
    ends_at = np.append((columns["as_of"] - (columns["cause"] == Cause.EXPIRY.value))[1:], watermark)
    ends_at[last] = watermark
    return States(**columns | {"ends_at": ends_at, "last": last})
