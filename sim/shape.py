"""The shape of a history: how many customers, how large the batches, how quickly records come.

Each shape makes other states likely: lists that wait for each other, decay in slices, or a worker that is never idle.
"""

import random
from dataclasses import dataclass

#: In this many histories, a crowd of customers is due at once.
_CROWDS = 0.3
_BURSTS = 0.35


@dataclass(frozen=True, slots=True)
class Shape:
    """What a history looks like.

    Attributes
    ----------
    batch_size
        The most records of a micro-batch.
    fetch_size
        The most records that are fetched together.
    customers, newcomers
        How many customers buy and return, and the share of orders that somebody else places, who never comes again.
    records
        How many records are drawn.
    crowd, crowd_after
        How many more customers buy at nearly one moment (0 for no crowd), and behind how many records.
    gaps
        The seconds between two lists of records, one of which is drawn each time.
    alone
        The share of records that complete a list.
    """

    batch_size: int
    fetch_size: int
    customers: int
    newcomers: float
    records: int
    crowd: int
    crowd_after: int
    gaps: tuple[float, ...]
    alone: float


def drawn(chance: random.Random) -> Shape:
    """A shape."""
    records = chance.randint(8, 40)
    crowd = chance.randint(4, 12) if chance.random() < _CROWDS else 0
    batch_size = chance.choice((1, 1, 2, 2, 3, 4, 8) if crowd else (1, 2, 3, 4, 5, 6, 8, 50))
    bursts = chance.random() < _BURSTS
    return Shape(
        batch_size,
        min(chance.choice((1, 2, batch_size, batch_size, batch_size)), batch_size),
        chance.choice((2, 3, 4, 5, 6, 7, 10)),
        chance.choice((0.0, 0.0, 0.2, 0.5)),
        records,
        crowd,
        # A crowd at the end decays with the last tick of the log: nothing comes that would make up for it.
        records if chance.random() < 0.6 else chance.randrange(records),
        (0.0, 0.002, 0.004, 0.006, 0.012) if bursts else (0.0, 0.005, 0.03, 0.1, 0.3),
        chance.choice((0.3, 0.5, 0.9)),
    )
