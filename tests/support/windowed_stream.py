"""A shop whose stream runs under a model with a trailing window, from a model without one, or from the beginning."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from batch.fit import fit
from batch.presets import PRESETS
from batch.profiles import profiles_as_of
from data.contract.wire import ModelActivation, Tick, Transaction
from data.datasets import frames, synthetic
from data.datasets.dataset import Dataset
from data.postgres.database import engine, migrate
from models.segment_model import SegmentModel
from tests.support.in_memory_worker import Message
from tests.support.postgres import new_database
from tests.support.processed_stream import Lived, lived, store

WINDOW_DAYS = 90


@dataclass(frozen=True)
class WindowedShop:
    """A dataset, a model with a window and one without, both fitted at its end."""

    dataset: Dataset
    windowed: SegmentModel
    lifetime: SegmentModel

    def messages(self, *activations: tuple[datetime, SegmentModel]) -> list[Message]:
        """What a replay sends: transactions, ticks at every midnight and at the end, and activations at some days."""
        found: list[Message] = []
        midnight, ahead = None, list(activations)
        for transaction in self.dataset.wire_transactions():
            day = transaction.occurred_at.replace(hour=0, minute=0, second=0, microsecond=0)
            if midnight is not None and day > midnight:
                found.append(Tick(day))
                while ahead and ahead[0][0] <= day:
                    found.append(ModelActivation(ahead.pop(0)[1]))
            midnight = day
            found.append(transaction)
        return [*found, Tick(self.dataset.report.last)]

    def stopped(self, at: datetime) -> Lived:
        """The worker's result if the stream had stopped at a moment, under the model with a window."""

        def has_come(message: Message) -> bool:
            return (isinstance(message, Transaction) and message.occurred_at <= at) or (
                isinstance(message, Tick) and message.at <= at
            )

        return lived(self.windowed, [*filter(has_come, self.messages()), Tick(at)])

    def first(self, days: int) -> datetime:
        """The moment that is this many days after the first transaction."""
        return self.dataset.report.first + timedelta(days=days)


@cache
def windowed_shop(customers: int = 150) -> WindowedShop:
    """A shop of 420 days."""
    dataset = frames.clean(synthetic.generate(customers=customers, days=420, seed=4), "synthetic")
    end = dataset.report.last
    how = PRESETS["segue"]._asdict()
    inside = profiles_as_of(dataset.transactions, end, WINDOW_DAYS)
    windowed = fit(inside, **how | {"k": 4, "window_days": WINDOW_DAYS}).model
    return WindowedShop(dataset, windowed, fit(profiles_as_of(dataset.transactions, end), **how).model)


@cache
def lived_in_a_window() -> Lived:
    """The worker's result if the model with a window is active from the beginning."""
    shop = windowed_shop()
    return lived(shop.windowed, shop.messages())


@contextmanager
def stored_in_a_window(server: str) -> Iterator[str]:
    """The URL of a new database with the rows of that stream."""
    shop = windowed_shop()
    with new_database(server) as url:
        migrate(url)
        postgres = engine(url)
        store(postgres, shop.windowed, lived_in_a_window(), shop.lifetime)
        postgres.dispose()
        yield url
