"""Unfolding: from profiles and records to one row for each state that a customer passes through. Pure.

Frequency, money and dates never depend on segments. A micro-batch therefore needs no loop over its records: every
customer becomes a row of states, the stored one first, then one after each record. Cumulative sums and maxima within a
customer compute all states at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.segment_model import NO_SEGMENT
from models.units import Ints
from stream_app.core.columns import NO_RECORD, Profiles, Records


@dataclass(frozen=True, slots=True)
class RfmState:
    """The numbers from which n states are scored; ``as_of`` is the as-of time of each.

    Recency counts from ``counts_from``: the last purchase, or the last event of a customer whose purchases have all
    been cancelled. ``has_bought`` says who has a segment: a customer who has bought, now or before.
    """

    counts_from: Ints
    has_bought: NDArray[np.bool_]
    frequency: Ints
    gross: Ints
    returned: Ints
    as_of: Ints

    @classmethod
    def of(cls, profiles: Profiles, as_of: Ints) -> "RfmState":
        """The states of customers as they are stored."""
        purchases = profiles.frequency > 0
        return RfmState(
            counts_from=np.where(purchases, profiles.last_purchase_at, profiles.last_event_at),
            has_bought=purchases | (profiles.segment != NO_SEGMENT),
            frequency=profiles.frequency,
            gross=profiles.gross,
            returned=profiles.returned,
            as_of=as_of,
        )


@dataclass(frozen=True, slots=True)
class States(RfmState):
    """The states of every customer in order.

    ``stored`` is true for the first state of each customer, the one that was loaded; ``revises`` is 1 for a state that
    a revision begins. ``first_purchase_at`` is that of the record alone; of a stored state and of a revision, it is
    that of everything before. ``last`` has the row of each customer's last state. A state lasts from ``as_of`` until
    ``ends_at``: the as-of time of the next state, or the watermark.
    """

    customer: Ints
    stored: NDArray[np.bool_]
    record: Ints
    cause: Ints
    revises: Ints
    first_purchase_at: Ints
    last_purchase_at: Ints
    last_event_at: Ints
    ends_at: Ints
    last: Ints


def unfold(before: Profiles, records: Records, watermark: int) -> States:
    """The states of every customer, from the stored one to the one after the last record (ticks, step 4)."""
    counts = np.bincount(records.customer, minlength=len(before))
    customer = np.repeat(np.arange(len(before)), counts + 1)
    first = np.arange(len(before)) + np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    stored = np.zeros(len(customer), dtype=bool)
    stored[first] = True
    log_order = np.argsort(records.customer, kind="stable")
    record = np.full(len(customer), NO_RECORD)
    record[~stored] = log_order

    def column(of_profile: Ints, of_record: Ints) -> Ints:
        values = np.empty(len(customer), dtype=np.int64)
        values[stored] = of_profile
        values[~stored] = of_record[log_order]
        return values

    nothing = np.zeros(len(before), dtype=np.int64)
    revises = column(nothing, records.revises)
    # A revision has the purchases of the customer as they are after it, so those before it no longer matter.
    section = np.cumsum(stored | (revises == 1)) - 1
    last_purchase_at = _running_max(column(before.last_purchase_at, records.last_purchase_at), section)
    frequency = running_sum(column(before.frequency, records.purchases), first, customer)
    segment = np.zeros(len(customer), dtype=np.int64)
    segment[first] = before.segment != NO_SEGMENT
    bought = np.maximum(segment, frequency > 0)
    last_event_at = _running_max(column(before.last_event_at, records.occurred_at), customer)
    as_of = np.maximum(last_event_at, column(before.last_event_at, records.watermark))
    last = first + counts
    ends_at = np.append(as_of[1:], watermark)
    ends_at[last] = watermark
    return States(
        customer=customer,
        stored=stored,
        record=record,
        cause=column(nothing, records.cause),
        revises=revises,
        first_purchase_at=column(before.first_purchase_at, records.first_purchase_at),
        last_purchase_at=last_purchase_at,
        counts_from=np.where(frequency > 0, last_purchase_at, last_event_at),
        has_bought=running_sum(bought, first, customer) > 0,
        last_event_at=last_event_at,
        frequency=frequency,
        gross=running_sum(column(before.gross, records.gross), first, customer),
        returned=running_sum(column(before.returned, records.returned), first, customer),
        as_of=as_of,
        ends_at=ends_at,
        last=last,
    )


def rank_within(group: Ints) -> Ints:
    """0, 1, 2, ... within each run of equal values."""
    index = np.arange(len(group))
    starts = np.concatenate([[True], group[1:] != group[:-1]]) if len(group) else np.empty(0, dtype=bool)
    return np.asarray(index - np.maximum.accumulate(np.where(starts, index, 0)))


def running_sum(values: Ints, first: Ints, group: Ints) -> Ints:
    """Cumulative sum within each group; ``first`` is each group's first row. Integer overflow cancels out exactly."""
    total = np.cumsum(values)
    return np.asarray(total - (total[first] - values[first])[group])


def _running_max(values: Ints, group: Ints) -> Ints:
    """Cumulative maximum within each group; the group numbers ascend."""
    distinct, rank = np.unique(values, return_inverse=True)
    lift = group * len(distinct)
    return np.asarray(distinct[np.maximum.accumulate(rank + lift) - lift])
