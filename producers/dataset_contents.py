"""What a replay asks of a dataset, without holding more than a chunk of it in memory."""

from collections.abc import Iterator
from typing import NamedTuple

from data.datasets.dataset import Dataset
from models.units import Ints

CHUNK = 5_000
_CONTENTS = """
SELECT customer_id, transaction_id, occurred_at, kind, amount_units FROM transactions
WHERE number >= ? AND number < ? ORDER BY number
"""


class DatasetContent(NamedTuple):
    """What the ledger has of a transaction, too; ``occurred_at`` in micros, ``amount_units`` in ten-thousandths."""

    customer_id: str
    transaction_id: str
    occurred_at: int
    kind: str
    amount_units: int


def occurred_at(dataset: Dataset) -> Ints:
    """Event time of every transaction in micros, ascending."""
    return dataset.moments


def contents(dataset: Dataset, start: int, stop: int) -> Iterator[list[DatasetContent]]:
    """The transactions number ``start`` up to ``stop`` in chunks of at most :data:`CHUNK`."""
    for begin in range(start, stop, CHUNK):
        yield _chunk(dataset, begin, min(begin + CHUNK, stop))


def _chunk(dataset: Dataset, start: int, stop: int) -> list[DatasetContent]:
    # A cursor of its own: another one may be in the middle of reading the transactions.
    return [DatasetContent(*row) for row in dataset.db.cursor().execute(_CONTENTS, [start, stop]).fetchall()]
