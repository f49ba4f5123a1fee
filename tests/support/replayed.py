"""The messages of a replayed dataset, and moments of it."""

from datetime import datetime
from random import Random

from data.contract.wire import Tick
from data.datasets.dataset import Dataset
from tests.support.in_memory_worker import Message


def replayed(dataset: Dataset) -> list[Message]:
    """What a replay sends: transactions, and a tick at every midnight and at the end."""
    found: list[Message] = []
    midnight = None
    for transaction in dataset.wire_transactions():
        day = transaction.occurred_at.replace(hour=0, minute=0, second=0, microsecond=0)
        if midnight is not None and day > midnight:
            found.append(Tick(day))
        midnight = day
        found.append(transaction)
    return [*found, Tick(dataset.report.last)]


def moments(dataset: Dataset, number: int, seed: int = 1) -> list[datetime]:
    """Random moments of a dataset; every second one is a midnight, and one is that of a transaction."""
    first, last = dataset.report.first, dataset.report.last
    random = Random(seed)
    found = [first + (last - first) * random.random() for _ in range(number)]
    midnights = [each.replace(hour=0, minute=0, second=0, microsecond=0) for each in found[::2]]
    exact = dataset.transactions["occurred_at"].iloc[len(dataset.transactions) // 2].to_pydatetime()
    return [*found[1::2], *(max(each, first) for each in midnights), exact, last]
