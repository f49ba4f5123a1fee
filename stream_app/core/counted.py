"""What counts in a trailing window: transactions, each from a record on until its expiry. Pure."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.units import MICROS_PER_DAY, Ints
from stream_app.core.columns import NO_RECORD, Columns

#: The columns that are summed.
NUMBERS = ("purchases", "gross", "returned")


@dataclass(frozen=True, slots=True)
class CountedTransactions(Columns):
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

    def in_ledger(self, customers: Ints) -> "CountedTransactions":
        """Those that count in the stored states of some customers, who get the numbers of their places."""
        place = np.full(max(self.customer.max(initial=-1), customers.max(initial=-1)) + 1, -1)
        place[customers] = np.arange(len(customers))
        found = self.select(np.flatnonzero((self.record == NO_RECORD) & (place[self.customer] >= 0)))
        return replace(found, customer=place[found.customer])

    def by_expiry(self) -> "CountedTransactions":
        """The sums of what expires at the same moment, in the order of customers and moments.

        A moment at which nothing is left to expire is not among them.
        """
        found = self.select(np.lexsort((self.expires_at, self.customer)))
        begins = np.ones(len(found.customer), dtype=bool)
        begins[1:] = (found.customer[1:] != found.customer[:-1]) | (found.expires_at[1:] != found.expires_at[:-1])
        at = np.flatnonzero(begins)
        if not len(at):
            return found
        sums = {name: np.add.reduceat(getattr(found, name), at) for name in ("number", *NUMBERS)}
        summed = replace(found.select(at), **sums)
        return summed.select(np.flatnonzero(summed.number > 0))
