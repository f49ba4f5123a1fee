"""All customers at a past moment, for the pages as of a past day, read once per process.

What a moment shows can't change any more once event time has passed it, except by a late, revised or forgotten order.
These are counted, so a changed count makes it be read again.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from dashboard.shared.caching import KeptAnswers, is_closed, per_database
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import patient
from data.postgres import model_registry
from data.postgres.past_moments import answerable
from data.postgres.past_states import monetary_units, past_states
from models.segment_model import SegmentModel
from models.units import MONEY_UNITS

#: A million customers take seconds.
TIMEOUT_MS = 120_000
#: How many moments a process keeps.
MOST_KEPT = 2


@dataclass(frozen=True, eq=False)
class Past:
    """All customers at a past moment.

    Parameters
    ----------
    states
        As :func:`data.postgres.past_states.past_states` returns them.
    models
        Those that were active at the moment, by version.
    rows
        Customers in a segment:
        ``customer_id, country, segment, previous_segment`` ("" if it was the first), ``segment_since, recency,
        frequency, monetary`` (as the model of the moment counts it), ``last_purchase_at``, and ``draw``, a hash of the
        id by which samples are chosen.
    known
        The personas of the models that were active.
    """

    at: datetime
    states: pd.DataFrame
    models: Mapping[str, SegmentModel]
    rows: pd.DataFrame
    known: Personas
    # What pages have computed of the rows, by its key: it ends with the day that it belongs to.
    derived: dict[Hashable, Any] = field(default_factory=dict)


def new_cache() -> KeptAnswers[Past]:
    """An empty cache for one database."""
    return KeptAnswers(MOST_KEPT)


def customers_at(moment: Moment, at: datetime) -> Past:
    """All customers at a past moment, from the process's cache.

    Raises
    ------
    data.postgres.past_moments.PastError
        If the stream can't be shown at that moment.
    """
    connection, now = moment.connection, moment.progress

    def make() -> Past:
        with patient(connection, TIMEOUT_MS):
            return read(connection, at)

    cache = per_database(connection.engine, new_cache)
    return cache.read(at, now, lambda before: is_closed(before, now, at), make)


def read(connection: Connection, at: datetime) -> Past:
    """All customers in a segment at a moment."""
    answerable(connection).check(at)
    states = past_states(connection, at)
    versions = [str(version) for version in states["model_version"].dropna().unique()]
    models = dict(model_registry.read_all(connection, versions))
    known: Personas = {}
    for model in models.values():
        known = personas(model) | known
    return Past(at, states, models, _rows(states[states["segment"].notna()], models), known)


def _rows(states: pd.DataFrame, models: dict[str, SegmentModel]) -> pd.DataFrame:
    ids = states["customer_id"].astype("object")
    return pd.DataFrame(
        {
            "customer_id": ids,
            "country": states["country"].astype("category"),
            "segment": states["segment"].astype("category"),
            "previous_segment": states["previous_segment"].fillna("").astype("category"),
            "segment_since": states["segment_since"],
            "recency": states["recency_days"].astype("int64"),
            "frequency": states["counted_frequency"],
            "monetary": monetary_units(states, models) / MONEY_UNITS,
            "last_purchase_at": states["last_purchase_at"],
            "draw": pd.util.hash_array(ids.to_numpy(dtype=object), categorize=False),
        }
    ).reset_index(drop=True)
