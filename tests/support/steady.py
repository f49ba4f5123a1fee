"""A small shop in a steady state, its model, and its stream as far as some day."""

from datetime import datetime
from functools import cache

import pandas as pd
from sqlalchemy import Engine, text

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.steady import Injection, moment, steady_shop
from models.segment_model import SegmentModel
from tests.support.filled import add_to_ledger


@cache
def shop(injection: Injection = "none", per_day: float = 5.0) -> pd.DataFrame:
    """Transactions of one year and of the years before it; what is injected begins on day 40."""
    return steady_shop(1, days=200, injection=injection, at=40, per_day=per_day)


@cache
def model_of(injection: Injection = "none") -> SegmentModel:
    """Fitted on what came before the first day."""
    metadata = {"cutoff": moment(0).isoformat()}
    return fit(profiles_as_of(shop(injection), moment(0)), metadata=metadata).model


def go_on(postgres: Engine, transactions: pd.DataFrame, start: datetime | None, stop: datetime) -> None:
    """Add what happened in a stretch to the ledger, and let event time reach its end."""
    since = transactions["occurred_at"] >= start if start is not None else True
    add_to_ledger(postgres, transactions[since & (transactions["occurred_at"] < stop)].assign(country="Nowhere"))
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = :stop"), {"stop": stop})
