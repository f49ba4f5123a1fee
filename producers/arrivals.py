"""What has come of a dataset: the ledger and the dead letters say it, by customer and transaction id.

The dataset is compared chunk by chunk, and one byte is kept for each of its transactions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import Connection, Engine

from data.datasets.dataset import Dataset
from data.postgres import dead_letters, ledger_lookup, progress
from models.units import from_micros, money_text
from producers.dataset_contents import DatasetContent, contents
from producers.records import FIRST_PERIOD, SectionPeriod
from producers.section import Section

NOT_COME, APPLIED, DEAD_LETTER = 0, 1, 2
_DIGEST_BYTES = 16

ShowDone = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SectionArrivals:
    """What has come of a section, and what of it contradicts the stream.

    ``come`` has one byte for each transaction of the dataset: :data:`NOT_COME`, :data:`APPLIED` (it is in the ledger)
    or :data:`DEAD_LETTER`. ``contradiction`` describes the first of the ``contradictions``: transactions that the
    ledger has with other content. ``watermark`` is the stream's; ``is_new`` says that the ledger was empty.
    """

    come: bytes
    contradictions: int
    contradiction: str
    watermark: datetime | None
    is_new: bool

    @property
    def applied(self) -> int:
        """How many of the transactions are in the ledger."""
        return self.come.count(APPLIED)

    @property
    def dead_letters(self) -> int:
        """How many of the transactions are dead letters, and not in the ledger."""
        return self.come.count(DEAD_LETTER)

    def without_dead_letters(self) -> bytes:
        """``come`` as if the dead letters had not come; empty if nothing else has."""
        return b"" if not self.applied else self.come.replace(bytes([DEAD_LETTER]), bytes([NOT_COME]))

    def why_foreign(self, first: datetime) -> str | None:
        """Why a dataset whose section begins at a moment seems to be another shop's; None if it fits the stream."""
        if self.contradictions:
            return f"{self.contradictions:,} of its transactions contradict the stream: {self.contradiction}"
        if self.is_new or self.applied or self.watermark is None or first >= self.watermark:
            return None
        return (
            f"it begins at {first:%Y-%m-%d %H:%M}, before the stream's event time of {self.watermark:%Y-%m-%d %H:%M}, "
            "and the stream has none of its transactions"
        )


def arrivals(
    postgres: Engine,
    dataset: Dataset,
    section: Section,
    period: SectionPeriod = FIRST_PERIOD,
    show: ShowDone = lambda _: None,
) -> SectionArrivals:
    """Compare a section with the stream; ``show`` is called with the number of compared transactions."""
    come = bytearray(section.stop)
    with postgres.connect() as connection:
        watermark = progress.watermark(connection)
        is_new = ledger_lookup.is_empty(connection)
        rejected = {_digest(*ids) for ids in dead_letters.transactions(connection)}
        contradictions, example = 0, ""
        number = section.start
        for chunk in [] if is_new and not rejected else contents(dataset, section.start, section.stop):
            for at, reason in _compare(connection, chunk, period, rejected, number, come):
                contradictions += 1
                example = example or f"{_named(chunk[at], period)} {reason}"
            number += len(chunk)
            show(number - section.start)
    return SectionArrivals(bytes(come), contradictions, example, watermark, is_new)


def _compare(
    connection: Connection,
    chunk: list[DatasetContent],
    period: SectionPeriod,
    rejected: set[bytes],
    number: int,
    come: bytearray,
) -> list[tuple[int, str]]:
    """Mark what has come of a chunk; returns the places in it that contradict the ledger, and how."""
    customers = [each.customer_id for each in chunk]
    ids = [period.transaction_id(each.transaction_id) for each in chunk]
    known = ledger_lookup.known(connection, customers, ids)
    found = []
    for at, each in enumerate(chunk):
        stored = known.get(at)
        if stored is not None:
            come[number + at] = APPLIED
            content = (each.occurred_at + period.shift, each.kind, each.amount_units)
            # A dataset has first revisions only; what was edited since differs, and is no contradiction.
            if not stored.revision and stored[:3] != content:
                found.append((at, f"is {_content(each, period.shift)} here and {_content(stored)} there"))
        elif rejected and _digest(customers[at], ids[at]) in rejected:
            come[number + at] = DEAD_LETTER
    return found


def _named(content: DatasetContent, period: SectionPeriod) -> str:
    return f"{period.transaction_id(content.transaction_id)} of customer {content.customer_id}"


def _content(content: DatasetContent | ledger_lookup.Known, shift: int = 0) -> str:
    moment = from_micros(content.occurred_at + shift)
    return f"a {content.kind} of {money_text(content.amount_units)} at {moment:%Y-%m-%d %H:%M:%S}"


def _digest(customer_id: str, transaction_id: str) -> bytes:
    """A short name for two ids: many dead letters must fit into memory."""
    text = f"{customer_id}\x1f{transaction_id}".encode(errors="surrogatepass")
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()
