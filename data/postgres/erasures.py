"""Forgotten customers: a keyed hash of each id remains, so that their records do not bring them back.

The key is in the database, beside the hashes. A hash does not show an id, but a user who can read both can test
whether a given id was forgotten.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, func, select

from data.postgres.tables import erasure_key, erasures, stream_progress, webhook_dead_letters


@dataclass(slots=True)
class Forgotten:
    """The forgotten customers; ``customer in forgotten`` is true for each of them."""

    key: bytes = field(default=b"", repr=False)
    hashes: set[bytes] = field(default_factory=set)

    def __contains__(self, customer_id: object) -> bool:
        return bool(self.hashes) and isinstance(customer_id, str) and self.hash(customer_id) in self.hashes

    def __len__(self) -> int:
        return len(self.hashes)

    def hash(self, customer_id: str) -> bytes:
        """What remains of a customer's id: HMAC-SHA256, 32 bytes."""
        return hmac.digest(self.key, customer_id.encode(), "sha256")

    def among(self, customers: Iterable[str]) -> list[str]:
        """Those of some customers who are forgotten."""
        return [customer for customer in customers if customer in self]


@dataclass(frozen=True, slots=True)
class ErasureTotals:
    """Forgotten customers, what was deleted with them, and how many of their later records were dropped."""

    customers: int
    transactions: int
    changes: int
    dropped: int
    risk_changes: int = 0


def read(connection: Connection) -> Forgotten:
    """All forgotten customers."""
    key = connection.execute(select(erasure_key.c.key)).scalar()
    return Forgotten(bytes(key or b""), {bytes(each) for each in connection.execute(select(erasures.c.hash)).scalars()})


def totals(engine: Engine) -> ErasureTotals:
    """Counts since the beginning of the stream."""
    c = erasures.c
    deleted = (c.transactions, c.changes, c.risk_changes)
    sums = select(func.count(), *(func.coalesce(func.sum(each), 0) for each in deleted))
    dropped = select(func.coalesce(func.sum(stream_progress.c.forgotten), 0))
    with engine.connect() as connection:
        customers, transactions, changes, risk_changes = map(int, connection.execute(sums).one())
        later = int(connection.execute(dropped).scalar_one())
        return ErasureTotals(customers, transactions, changes, later, risk_changes)


def is_forgotten(engine: Engine, customer_id: str) -> bool:
    """Whether a worker has applied the erasure of a customer."""
    with engine.connect() as connection:
        return customer_id in read(connection)


def forget_abandoned(engine: Engine, customer_id: str) -> int:
    """Delete the abandoned changes of a customer that webhooks keep; returns their number."""
    of_customer = delete(webhook_dead_letters).where(webhook_dead_letters.c.customer_id == customer_id)
    with engine.begin() as connection:
        return connection.execute(of_customer).rowcount


def waits_for_tombstone(engine: Engine, customer_id: str) -> bool:
    """Whether the tombstone of a forgotten customer is not known to be published yet."""
    query = select(func.count()).select_from(erasures).where(erasures.c.customer_id == customer_id)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one() > 0
