"""The oracle: what a log leads to, found record by record and day by day, without any code of the worker.

It has no batches, no closed form and no columns. It asks for the nearest centroid on every whole day of every
customer, and at every expiry of an order, and knows what a record means from the workload that wrote it.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.segment_model import SegmentModel
from sim.meanings import Bad, Forget, KnownRecord, Meaning, NewModel, Order, TickAt
from sim.risk_oracle import CustomerRisk, ExpectedRiskChange, ExpectedRiskState, Sales

_DAY = 86_400_000_000
_MOST_DAYS = 400
_CAUSES = {"sale": "purchase", "return": "return", "cancelled": "revision"}


class Change(NamedTuple):
    """A segment change as everything that stores or publishes it must have it."""

    customer: str
    sequence: int
    from_segment: str | None
    to_segment: str
    cause: str
    effective_at: int
    recency_days: int
    frequency: int
    gross: int
    returned: int
    model_version: str
    transaction: str | None


class ExpectedProfile(NamedTuple):
    """What must be stored of a customer."""

    customer: str
    country: str
    first_purchase_at: int | None
    last_purchase_at: int | None
    last_event_at: int
    frequency: int
    gross: int
    returned: int
    segment: str | None
    segment_since: int | None
    sequence: int
    model_version: str | None
    next_change_at: int | None
    next_segment: str | None


class Stored(NamedTuple):
    """A transaction in the ledger."""

    customer: str
    transaction: str
    occurred_at: int
    kind: str
    amount: int
    revision: int
    country: str


class Counts(NamedTuple):
    """What a partition counts of its records."""

    transactions: int
    duplicates: int
    late: int
    dead_letters: int
    forgotten: int
    revisions: int


@dataclass(slots=True)
class _Customer:
    name: str
    country: str = ""
    ledger: dict[str, Order] = field(default_factory=dict)
    last_event_at: int | None = None
    segment: str | None = None
    since: int | None = None
    changes: list[Change] = field(default_factory=list)
    #: Until when all time has passed.
    reached: int = 0
    scored: bool = False
    risk: CustomerRisk = field(init=False)

    def __post_init__(self) -> None:
        self.risk = CustomerRisk(self.name)

    @property
    def sales(self) -> list[Order]:
        return [order for order in self.ledger.values() if order.kind == "sale"]

    @property
    def history(self) -> Sales | None:
        moments = [order.occurred_at for order in self.sales]
        return Sales(min(moments), max(moments), len(moments)) if moments else None

    @property
    def gross(self) -> int:
        return sum(order.amount for order in self.sales)

    @property
    def returned(self) -> int:
        return sum(order.amount for order in self.ledger.values() if order.kind == "return")

    def counted(self, window: int | None, moment: int) -> tuple[int, int, int]:
        """Frequency, gross and returned of all orders, or of those that are younger than the window at a moment."""
        orders = [o for o in self.ledger.values() if window is None or o.occurred_at > moment - window]
        gross = [order.amount for order in orders if order.kind == "sale"]
        return len(gross), sum(gross), sum(order.amount for order in orders if order.kind == "return")

    def expires(self, window: int | None, moment: int) -> bool:
        """Whether an order expires at a moment."""
        return moment in self._expiries(window)

    def next_moment(self, window: int | None, after: int) -> int:
        """The next moment at which time alone could change the segment: a whole day of recency, or an expiry."""
        begin = self.counts_from
        day = begin + ((after - begin) // _DAY + 1) * _DAY
        return min([day, *(moment for moment in self._expiries(window) if moment > after)])

    def last_moment(self, window: int | None) -> int:
        """The last moment after which only recency goes on."""
        return max([self.counts_from, *self._expiries(window)])

    def _expiries(self, window: int | None) -> list[int]:
        if window is None:
            return []
        return [order.occurred_at + window for order in self.ledger.values() if order.kind != "cancelled"]

    @property
    def counts_from(self) -> int:
        latest = max([order.occurred_at for order in self.ledger.values() if order.kind == "sale"], default=None)
        if latest is not None:
            return latest
        assert self.last_event_at is not None  # noqa: S101 - a customer has a record
        return self.last_event_at


@dataclass(slots=True)
class ExpectedOutcome:
    """What one partition must have in the end; dead letters by offset, with key and value."""

    profiles: list[ExpectedProfile]
    ledger: list[Stored]
    changes: list[Change]
    dead_letters: dict[int, tuple[bytes | None, bytes | None]]
    forgotten: list[str]
    watermark: int | None
    model_version: str | None
    counts: Counts
    activations: list[tuple[int, str]]
    periods: list[tuple[int, str, int | None]]
    risks: list[ExpectedRiskState]
    risk_changes: list[ExpectedRiskChange]


class Oracle:
    """Follows one partition."""

    def __init__(self, champion: SegmentModel | None, signed: bool, most_days: int = _MOST_DAYS) -> None:
        self._model = champion
        self._most_days = most_days
        self._rhythm = _rhythm(champion)
        self._signed = signed
        self._number = 0
        self._since: int | None = None
        self._watermark: int | None = None
        self._customers: dict[str, _Customer] = {}
        self._dead_letters: dict[int, str] = {}
        self._contents: dict[int, tuple[bytes | None, bytes | None]] = {}
        self._forgotten: dict[str, None] = {}
        self._counts: Counter[str] = Counter()
        self._activations: list[tuple[int, str]] = []
        self._periods: dict[tuple[int, str], int | None] = {}

    def add(self, offset: int, entry: KnownRecord) -> None:
        """The next record."""
        meaning: Meaning = entry.meaning
        self._contents[offset] = entry.content.key, entry.content.value
        if isinstance(meaning, TickAt):
            self._watermark = max(meaning.moment, self._watermark or meaning.moment)
            for customer in self._customers.values():
                self._let_time_pass(customer, self._watermark)
                customer.risk.let_time_pass(self._watermark)
        elif isinstance(meaning, NewModel):
            if self._signed and meaning.number <= self._number:
                self._reject(offset)
                return
            self._number = meaning.number
            self._activations.append((entry.content.timestamp * 1_000, meaning.model.version))
            self._activate(meaning)
        elif isinstance(meaning, Forget):
            self._customers.pop(meaning.customer, None)
            self._forgotten[meaning.customer] = None
            self._dead_letters = {at: name for at, name in self._dead_letters.items() if name != meaning.customer}
        elif isinstance(meaning, Bad):
            self._reject(offset, meaning.customer)
        elif meaning.customer in self._forgotten:
            self._counts["forgotten"] += 1
        else:
            self._order(offset, meaning)

    def _reject(self, offset: int, customer: str = "") -> None:
        """A dead letter, unless its customer is forgotten."""
        if customer in self._forgotten:
            self._counts["forgotten"] += 1
        else:
            self._dead_letters[offset] = customer
            self._counts["dead_letters"] += 1

    def _order(self, offset: int, order: Order) -> None:
        known = self._customers.get(order.customer)
        before = None if known is None else known.ledger.get(order.transaction)
        if before is not None and (order.revision < before.revision or _content(order) == _content(before)):
            self._counts["duplicates"] += 1
            return
        if before is not None and order.revision == before.revision:
            self._reject(offset, order.customer)
            return
        self._counts["transactions" if before is None else "revisions"] += 1
        customer = known or self._customers.setdefault(order.customer, _Customer(order.customer))
        as_of = max(m for m in (customer.last_event_at, order.occurred_at, self._watermark) if m is not None)
        if customer.last_event_at is not None:
            self._let_time_pass(customer, as_of)
            customer.risk.let_time_pass(as_of)
        if before is None and order.occurred_at < as_of:
            self._counts["late"] += 1
        customer.ledger[order.transaction] = order
        customer.country = order.country
        customer.last_event_at = max(order.occurred_at, customer.last_event_at or order.occurred_at)
        cause = "revision" if before is not None else _CAUSES[order.kind]
        self._score(customer, as_of, cause, order.transaction)
        if self._rhythm is not None:
            customer.risk.enter(self._rhythm, customer.history, as_of, cause, order.transaction)

    def _score(self, customer: _Customer, as_of: int, cause: str, transaction: str | None) -> None:
        """Look the segment up at a moment, and write down a change."""
        customer.reached = as_of
        bought = bool(customer.sales) or customer.segment is not None
        if self._model is None or not bought:
            return
        segment = self._nearest(self._model, customer, as_of)
        if segment != customer.segment:
            if customer.segment is None and cause != "first_model":
                cause = "first_purchase"
            self._write(customer, segment, cause, as_of, transaction)

    def _write(self, customer: _Customer, segment: str, cause: str, moment: int, transaction: str | None) -> None:
        assert self._model is not None  # noqa: S101 - it decided the segment
        customer.changes.append(
            Change(
                customer.name,
                len(customer.changes) + 1,
                customer.segment,
                segment,
                cause,
                moment,
                (moment - customer.counts_from) // _DAY,
                *customer.counted(self._window, moment),
                self._model.version,
                transaction,
            )
        )
        customer.segment, customer.since = segment, moment

    def _let_time_pass(self, customer: _Customer, until: int) -> None:
        """Ask on every whole day, and at every expiry, up to a moment."""
        while self._model is not None and customer.segment is not None:
            moment = customer.next_moment(self._window, customer.reached)
            if moment > until:
                return
            customer.reached = moment
            segment = self._nearest(self._model, customer, moment)
            if segment != customer.segment:
                expires = customer.expires(self._window, moment)
                self._write(customer, segment, "expiry" if expires else "decay", moment, None)
            elif moment > customer.last_moment(self._window) + self._most_days * _DAY:
                return

    def _activate(self, activation: NewModel) -> None:
        if self._model is not None and self._watermark is not None:
            self._periods.setdefault((self._watermark, self._model.version), self._since)
        self._model, self._since = activation.model, self._watermark
        rhythm = _rhythm(activation.model)
        is_another = rhythm != self._rhythm
        self._rhythm = rhythm
        for customer in self._customers.values():
            assert customer.last_event_at is not None  # noqa: S101 - a customer has a record
            as_of = max(customer.last_event_at, self._since or customer.last_event_at)
            self._score(customer, as_of, "first_model" if customer.segment is None else "model", None)
            if is_another:
                customer.risk.enter(rhythm, customer.history, as_of, "model", None)

    @property
    def _window(self) -> int | None:
        days = None if self._model is None else self._model.window_days
        return None if days is None else days * _DAY

    def _nearest(self, model: SegmentModel, customer: _Customer, moment: int) -> str:
        orders, gross, returned = customer.counted(self._window, moment)
        segments = list(model.segments)
        if model.window_days is not None:
            inactive = segments.pop()
            if not orders:
                return inactive.id
        money = (gross if model.monetary == "gross" else max(gross - returned, 0)) / 10_000
        days = (moment - customer.counts_from) // _DAY
        point: tuple[float, ...] = (days / model.recency_unit, float(orders), money)
        if model.transform == "log1p":
            point = tuple(math.log1p(value) for value in point)
        place = [(value - mean) / scale for value, mean, scale in zip(point, model.means, model.scales, strict=True)]
        distances = [
            sum((mine - theirs) ** 2 for mine, theirs in zip(place, segment.centroid, strict=True))
            for segment in segments
        ]
        return segments[distances.index(min(distances))].id

    def _next_change(self, customer: _Customer) -> tuple[int | None, str | None]:
        if self._model is None or customer.segment is None:
            return None, None
        moment = customer.reached
        while moment < customer.reached + self._most_days * _DAY:
            moment = customer.next_moment(self._window, moment)
            segment = self._nearest(self._model, customer, moment)
            if segment != customer.segment:
                return moment, segment
        return None, None

    def outcome(self) -> ExpectedOutcome:
        """What the partition must have now."""
        version = None if self._model is None else self._model.version
        profiles = []
        for name in sorted(self._customers):
            customer = self._customers[name]
            sales = [order.occurred_at for order in customer.sales]
            assert customer.last_event_at is not None  # noqa: S101 - a customer has a record
            profiles.append(
                ExpectedProfile(
                    name,
                    customer.country,
                    min(sales, default=None),
                    max(sales, default=None),
                    customer.last_event_at,
                    len(sales),
                    customer.gross,
                    customer.returned,
                    customer.segment,
                    customer.since,
                    len(customer.changes),
                    version,
                    *self._next_change(customer),
                )
            )
        ledger = [
            Stored(name, each.transaction, each.occurred_at, each.kind, each.amount, each.revision, each.country)
            for name in sorted(self._customers)
            for each in sorted(self._customers[name].ledger.values(), key=lambda order: order.transaction)
        ]
        changes = [change for name in sorted(self._customers) for change in self._customers[name].changes]
        return ExpectedOutcome(
            profiles,
            ledger,
            changes,
            {offset: self._contents[offset] for offset in sorted(self._dead_letters)},
            sorted(self._forgotten),
            self._watermark,
            version,
            Counts(*(self._counts[name] for name in Counts._fields)),
            sorted(self._activations),
            [(until, model, since) for (until, model), since in sorted(self._periods.items())],
            [row for name in sorted(self._customers) if (row := self._customers[name].risk.row) is not None],
            [change for name in sorted(self._customers) for change in self._customers[name].risk.changes],
        )


def _rhythm(model: SegmentModel | None) -> RhythmModel | None:
    return None if model is None else rhythm_of(model)


def _content(order: Order) -> tuple[int, str, int, int]:
    return order.occurred_at, order.kind, order.amount, order.revision
