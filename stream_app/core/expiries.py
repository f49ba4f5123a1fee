"""Expiries: what a trailing window does to the states of customers. Pure.

Under a model with a window a transaction counts from its record on, until it is as old as the window: its expiry. So an
expiry is a state like a record. It begins at its own moment, before a record with the same as-of time, and counts what
is left. Expiries after the watermark are states, too. Nothing has become true in them yet, but the first change that
time alone makes may be among them.
"""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Self

import numpy as np

from models.units import MICROS_PER_DAY, Bools, Ints
from stream_app.core.columns import NO_RECORD, Cause, Profiles
from stream_app.core.states import RfmState, States, running_sum


@dataclass(frozen=True, slots=True)
class Counted:
    """n transactions, each of which counts from a record on until it expires.

    ``record`` is the row of that record; ``NO_RECORD`` says that the transaction is in the ledger. ``number`` is 1.
    What a revision replaces is once more there from the revision on, with a ``number`` of -1 and negative amounts, so
    that nothing of it is left to count or to expire.
    """

    customer: Ints
    record: Ints
    expires_at: Ints
    number: Ints
    purchases: Ints
    gross: Ints
    returned: Ints

    @classmethod
    def of(
        cls,
        window_days: int,
        customer: Ints,
        record: Ints,
        occurred_at: Ints,
        number: Ints,
        is_sale: Ints,
        amount: Ints,
    ) -> Self:
        """Sales and returns; ``is_sale`` is 1 for a sale."""
        return cls(
            customer=customer,
            record=record,
            expires_at=occurred_at + window_days * MICROS_PER_DAY,
            number=number,
            purchases=number * is_sale,
            gross=number * is_sale * amount,
            returned=number * (1 - is_sale) * amount,
        )

    def where(self, chosen: Ints | Bools) -> "Counted":
        """Some of them: a mask, or rows."""
        return Counted(*(getattr(self, column.name)[chosen] for column in fields(self)))

    def in_ledger(self, customers: Ints) -> "Counted":
        """Those that count in the stored states of some customers, who get the numbers of their places."""
        place = np.full(max(self.customer.max(initial=-1), customers.max(initial=-1)) + 1, -1)
        place[customers] = np.arange(len(customers))
        found = self.where((self.record == NO_RECORD) & (place[self.customer] >= 0))
        return replace(found, customer=place[found.customer])

    def concat(self, other: "Counted") -> "Counted":
        """These transactions, then the others."""
        columns = (column.name for column in fields(self))
        return Counted(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns))

    def by_expiry(self) -> "Counted":
        """The sums of what expires at the same moment, in the order of customers and moments.

        A moment at which nothing is left to expire is not among them.
        """
        found = self.where(np.lexsort((self.expires_at, self.customer)))
        begins = np.ones(len(found.customer), dtype=bool)
        begins[1:] = (found.customer[1:] != found.customer[:-1]) | (found.expires_at[1:] != found.expires_at[:-1])
        at = np.flatnonzero(begins)
        if not len(at):
            return found
        sums = {name: np.add.reduceat(getattr(found, name), at) for name in ("number", *_NUMBERS)}
        summed = replace(found.where(at), **sums)
        return summed.where(summed.number > 0)


_NUMBERS = ("purchases", "gross", "returned")


@dataclass(frozen=True, slots=True)
class Ahead(RfmState):
    """The states that n expiries after the watermark will begin, by customer and in order of time."""

    customer: Ints


class Unfolded(NamedTuple):
    """The states up to the watermark, and those that only expiries begin after it."""

    states: States
    ahead: Ahead


def settled(before: Profiles, states: States) -> Ints:
    """Until when each stored state is known to stay as it is, expiries included: before its next change, or a record.

    A record that comes before the next change begins a state of its own, and so does whatever expires after it.
    """
    following = np.minimum(np.arange(len(states.customer)) + 1, len(states.customer) - 1)[states.stored]
    has_record = states.last > np.flatnonzero(states.stored)
    nothing_before = before.next_change_at - 1
    return np.where(has_record, np.minimum(states.as_of[following], nothing_before), nothing_before)


def with_expiries(states: States, counted: Counted, settled: Ints, watermark: int) -> Unfolded:
    """Add the states that expiries begin, and let every state count what is in the window.

    Parameters
    ----------
    states
        The states to which the records lead (:func:`stream_app.core.states.unfold`).
    counted
        All transactions of the customers that are in the window, or were in it when their last record came.
    settled
        For each customer, the moment at which the stored state counts what is in the window.
    watermark
        In microseconds. Later expiries are ahead, unless a record of the customer is later still.
    """
    row, began = _beginnings(states, counted, settled)
    counts = counted.expires_at > began
    counted, row = counted.where(counts), row[counts]
    expiries = counted.by_expiry()

    count, all_rows = len(states.customer), len(states.customer) + len(expiries.customer)
    customer = np.concatenate([states.customer, expiries.customer])
    as_of = np.concatenate([states.as_of, expiries.expires_at])
    # An expiry comes before a record of its moment; states of equal as-of times stay in the order of the log.
    order = np.lexsort((np.arange(all_rows) < count, as_of, customer))
    customer, as_of = customer[order], as_of[order]
    expires = order >= count
    # An expiry changes nothing but what counts: all the rest is that of the state before it.
    source = order[np.maximum.accumulate(np.where(expires, 0, np.arange(all_rows)))]
    first = np.flatnonzero(~expires & states.stored[source])

    def numbers(name: str) -> Ints:
        begins = np.zeros(count, dtype=np.int64)
        np.add.at(begins, row, getattr(counted, name))
        return running_sum(np.concatenate([begins, -getattr(expiries, name)])[order], first, customer)

    purchases, gross, returned = (numbers(name) for name in _NUMBERS)
    ahead = expires & (as_of > np.maximum(states.as_of[states.last], watermark)[customer])
    kept, future = np.flatnonzero(~ahead), np.flatnonzero(ahead)
    columns = {name.name: getattr(states, name.name)[source[kept]] for name in fields(states) if name.name != "last"}
    last = np.append(np.flatnonzero(~expires[kept] & columns["stored"]), len(kept))[1:] - 1
    # A border of recency at the moment of an expiry is no change of its own.
    ends_at = np.append((as_of[kept] - expires[kept])[1:], watermark)
    ends_at[last] = watermark
    columns |= {
        "stored": columns["stored"] & ~expires[kept],
        "revises": np.where(expires[kept], 0, columns["revises"]),
        "record": np.where(expires[kept], NO_RECORD, columns["record"]),
        "cause": np.where(expires[kept], Cause.EXPIRY.value, columns["cause"]),
        "frequency": purchases[kept],
        "gross": gross[kept],
        "returned": returned[kept],
        "as_of": as_of[kept],
        "ends_at": ends_at,
        "last": last,
    }
    return Unfolded(
        States(**columns),
        Ahead(
            counts_from=states.counts_from[source[future]],
            has_bought=states.has_bought[source[future]],
            frequency=purchases[future],
            gross=gross[future],
            returned=returned[future],
            as_of=as_of[future],
            customer=customer[future],
        ),
    )


def _beginnings(states: States, counted: Counted, settled: Ints) -> tuple[Ints, Ints]:
    """The state from which on each transaction counts, and the moment at which it begins to."""
    stored = np.flatnonzero(states.stored)
    sent = np.flatnonzero(~states.stored)
    row_of_record = np.zeros(len(sent) + 1, dtype=np.int64)
    row_of_record[states.record[sent]] = sent
    row = np.where(counted.record == NO_RECORD, stored[counted.customer], row_of_record[counted.record])
    return row, np.where(counted.record == NO_RECORD, settled[counted.customer], states.as_of[row])
