"""A small shop in a steady state, its model, and its stream up to some day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache

import pandas as pd
from sqlalchemy import Engine, text

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.datasets.steady import Injection, moment, steady_shop
from data.postgres import model_registry
from data.postgres.database import engine, migrate
from models.segment_model import SegmentModel
from tests.support.dataset_tables import add_to_ledger


@cache
def shop(injection: Injection = "none", per_day: float = 5.0) -> pd.DataFrame:
    """Transactions of one year and of the years before it; what is injected begins on day 40."""
    return steady_shop(1, days=200, injection=injection, at=40, per_day=per_day)


@cache
def model_of(injection: Injection = "none") -> SegmentModel:
    """A model fitted on the transactions before the first day."""
    metadata = {"cutoff": moment(0).isoformat()}
    return fit(profiles_as_of(shop(injection), moment(0)), metadata=metadata).model


@contextmanager
def stream(url: str, injection: Injection, end: datetime) -> Iterator[Engine]:
    """A stream in an empty database up to the end of the training data; :func:`go_on` continues it up to ``end``."""
    migrate(url)
    postgres = engine(url)
    version = model_of(injection).version
    model_registry.register(postgres, model_of(injection))
    with postgres.begin() as connection:
        for partition in range(2):
            connection.execute(
                text(
                    "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, model_version) "
                    "VALUES (:partition, 'log', 1, 1, 'worker', :version)"
                ),
                {"partition": partition, "version": version},
            )
        # This customer's last event is later than every requested moment: profiles are counted from the ledger.
        connection.execute(
            text(
                "INSERT INTO customers (customer_id, partition, country, last_event_at, frequency, gross, returned, "
                "sequence, model_version) VALUES ('newest', 0, 'Nowhere', :end, 0, 0, 0, 0, :version)"
            ),
            {"end": end + timedelta(days=1), "version": version},
        )
    go_on(postgres, shop(injection), None, moment(0))
    yield postgres
    postgres.dispose()


def go_on(postgres: Engine, transactions: pd.DataFrame, start: datetime | None, stop: datetime) -> None:
    """Add the transactions from ``start`` to ``stop`` to the ledger, and set the watermark to ``stop``."""
    since = transactions["occurred_at"] >= start if start is not None else True
    add_to_ledger(postgres, transactions[since & (transactions["occurred_at"] < stop)].assign(country="Nowhere"))
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = :stop"), {"stop": stop})
