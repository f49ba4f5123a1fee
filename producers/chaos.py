"""Chaos on purpose: a seeded, pure transformation of the records of a replay.

Nothing real is lost: broken and contradictory records are extra ones, and late and shuffled transactions all come
before the last tick. So R, F, M and the segments end as without chaos, and the stack must report exactly what was
injected.
"""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from models.units import MICROS_PER_DAY
from producers.chaos_spec import Chaos
from producers.records import ReplayRecord

#: The reason with which a worker makes a dead letter of a known id with other content.
CONFLICT = "a transaction with this id but other content is known"
_LONG_AGO = -(2**62)
_END = 2**62
#: A late transaction comes at most this long after the tick that it has missed.
_HELD_BACK = 2 * MICROS_PER_DAY
#: An extra record comes at most this long after the transaction that it was made from.
_EXTRA_WITHIN = MICROS_PER_DAY
_LARGEST = Decimal(999_999_998)

Made = Literal["transaction", "duplicate", "malformed", "conflict"]


@dataclass(slots=True)
class Injected:
    """What has been sent on purpose.

    ``late`` counts all transactions that happened before the newest tick, or before an earlier sent transaction of the
    same customer. ``held_back`` of them were chosen to be late; the others were overtaken.
    """

    duplicates: int = 0
    held_back: int = 0
    late: int = 0
    malformed: int = 0
    conflicts: int = 0

    @property
    def dead_letters(self) -> int:
        """How many records a worker can't apply."""
        return self.malformed + self.conflicts

    @property
    def extra(self) -> int:
        """How many records have no transaction of their own."""
        return self.duplicates + self.dead_letters


class _Pending(NamedTuple):
    """A record that waits to be sent; ``order`` is unique, so that records are never compared."""

    due: int
    order: int
    record: ReplayRecord
    made: Made
    held_back: bool = False


class Injection:
    """Injects chaos into the records of one replay; equal seeds give equal records."""

    def __init__(self, chaos: Chaos, seed: int) -> None:
        self._chaos, self._seed = chaos, seed
        self._random = random.Random(seed)  # noqa: S311 - nothing here is a secret
        self._pending: list[_Pending] = []
        self._order = 0
        self._watermark = _LONG_AGO
        self._newest: dict[bytes, int] = {}
        #: Counts only what the consumer of :meth:`into` has passed: it asks for a record once the one before is sent.
        self.injected = Injected()

    def again(self) -> "Injection":
        """The same chaos from its beginning."""
        return Injection(self._chaos, self._seed)

    def into(self, planned: Iterable[ReplayRecord], event_end: int) -> Iterator[ReplayRecord]:
        """The records of a section with chaos; the tick at ``event_end`` (micros) is the last record, as before."""
        for record in planned:
            if record.key is not None:
                yield from self._due_by(record.due)
                self._plan(record, event_end)
                continue
            yield from self._due_by(record.due if record.due < event_end else _END)
            yield record
            self._watermark = max(self._watermark, record.due)
        yield from self._due_by(_END)

    def _plan(self, record: ReplayRecord, event_end: int) -> None:
        """Decide when a transaction is sent, and which extra records follow it."""
        next_tick = (record.due // MICROS_PER_DAY + 1) * MICROS_PER_DAY
        # Without a tick between the transaction and the last one, it could not be late.
        held_back = self._happens(self._chaos.late) and next_tick < event_end
        due = record.due
        if held_back:
            due = next_tick + 1 + self._random.randrange(_HELD_BACK)
        elif self._chaos.shuffle:
            due = min(due + self._random.randrange(self._chaos.shuffle), next_tick, event_end)
        self._push(due, record, "transaction", held_back)
        shares: dict[Made, float] = {
            "duplicate": self._chaos.duplicates,
            "malformed": self._chaos.malformed,
            "conflict": self._chaos.conflicts,
        }
        for made, share in shares.items():
            if self._happens(share):
                self._push(due + self._random.randrange(_EXTRA_WITHIN), self._extra(record, made), made)

    def _extra(self, record: ReplayRecord, made: Made) -> ReplayRecord:
        value = record.value
        if made == "malformed":
            value = _broken(value, self._random)
        elif made == "conflict":
            value = _contradicting(value)
        return record._replace(value=value, known=False)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _push(self, due: int, record: ReplayRecord, made: Made, held_back: bool = False) -> None:
        self._order += 1
        heapq.heappush(self._pending, _Pending(due, self._order, record._replace(due=due), made, held_back))

    def _due_by(self, moment: int) -> Iterator[ReplayRecord]:
        while self._pending and self._pending[0].due <= moment:
            pending = heapq.heappop(self._pending)
            yield pending.record
            self._count(pending)

    def _count(self, pending: _Pending) -> None:
        if pending.made == "transaction":
            key, moment = pending.record.key or b"", pending.record.occurred_at
            newest = self._newest.get(key, _LONG_AGO)
            self.injected.late += moment < max(newest, self._watermark)
            self.injected.held_back += pending.held_back
            self._newest[key] = max(newest, moment)
        elif pending.made == "duplicate":
            self.injected.duplicates += 1
        elif pending.made == "malformed":
            self.injected.malformed += 1
        else:
            self.injected.conflicts += 1


def _broken(value: bytes, rng: random.Random) -> bytes:
    """A transaction's value with bytes that no worker can decode: cut off, not UTF-8, or without a valid amount."""
    kind = rng.randrange(3)
    if kind == 0:
        return value[: rng.randrange(1, len(value))]
    if kind == 1:
        return value.replace(b'"transaction_id":"', b'"transaction_id":"\xff', 1)
    return value.replace(b'"amount":"', b'"amount":"?', 1)


def _contradicting(value: bytes) -> bytes:
    """The same transaction with another amount."""
    fields = msgspec.json.decode(value)
    amount = Decimal(fields["amount"])
    return msgspec.json.encode(fields | {"amount": f"{amount - 1 if amount > _LARGEST else amount + 1:f}"})
