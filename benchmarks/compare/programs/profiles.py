"""Customers in a dictionary: what a hand-written program would do about R, F, M and segments.

There is no ledger, so an invoice that is read twice counts twice. There is no decay: only invoices move customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from models.scoring import assign
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, MONEY_UNITS, to_micros


class Invoice(msgspec.Struct):
    """What a program needs of an invoice."""

    transaction_id: str
    customer_id: str
    occurred_at: datetime
    kind: str
    amount: str


@dataclass(slots=True)
class Profile:
    """A customer; money in ten-thousandths, moments in microseconds."""

    as_of: int = 0
    bought: int | None = None
    frequency: int = 0
    gross: int = 0
    returned: int = 0
    segment: str | None = None
    sequence: int = 0


class Change(NamedTuple):
    """A segment change, in the order of the columns of its table."""

    customer_id: str
    sequence: int
    from_segment: str | None
    to_segment: str
    effective_at: int
    frequency: int
    transaction_id: str


class Profiles:
    """All customers by id."""

    def __init__(self, model: SegmentModel, stored: dict[str, Profile]) -> None:
        self._model = model
        self._names = [segment.id for segment in model.segments]
        self.customers = stored

    def apply(self, invoices: Sequence[Invoice]) -> tuple[dict[str, Profile], list[Change]]:
        """Count invoices; returns the customers that they concern, and the changes."""
        touched: dict[str, Profile] = {}
        rows: list[tuple[Invoice, Profile]] = []
        recency, frequency, monetary, moments = [], [], [], []
        for invoice in invoices:
            profile = self.customers.setdefault(invoice.customer_id, Profile())
            touched[invoice.customer_id] = profile
            _count(profile, invoice)
            if profile.bought is not None:
                rows.append((invoice, profile))
                recency.append((profile.as_of - profile.bought) // MICROS_PER_DAY)
                frequency.append(profile.frequency)
                monetary.append(max(profile.gross - profile.returned, 0) / MONEY_UNITS)
                moments.append(profile.as_of)
        if not rows:
            return touched, []
        segments = assign(self._model, np.array(recency), np.array(frequency), np.array(monetary)).tolist()
        changes = []
        for (invoice, profile), number, count, at in zip(rows, segments, frequency, moments, strict=True):
            name = self._names[number]
            if name != profile.segment:
                profile.sequence += 1
                changes.append(
                    Change(
                        invoice.customer_id, profile.sequence, profile.segment, name, at, count, invoice.transaction_id
                    )
                )
                profile.segment = name
        return touched, changes


def _count(profile: Profile, invoice: Invoice) -> None:
    at, amount = to_micros(invoice.occurred_at), int(Decimal(invoice.amount) * MONEY_UNITS)
    profile.as_of = max(profile.as_of, at)
    if invoice.kind == "sale":
        profile.frequency += 1
        profile.gross += amount
        profile.bought = at if profile.bought is None else max(profile.bought, at)
    else:
        profile.returned += amount
