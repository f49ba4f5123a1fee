"""All customers at a past moment, for the pages as of a past day, read once per process.

What a moment shows can't change any more once event time has passed it, except by a late, revised or forgotten order.
These are counted, so a changed count makes it be read again.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from dashboard.shared.caching import per_database
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas, personas
from dashboard.shared.reading import StreamProgress, patient
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


class PastCache:
    """The last moments that were asked for, of one database."""

    def __init__(self) -> None:
        self._kept: OrderedDict[datetime, tuple[Past, StreamProgress]] = OrderedDict()
        self._lock = Lock()

    def read(self, connection: Connection, now: StreamProgress, at: datetime) -> Past:
        """All customers at a moment; ``now`` must have been read on the same connection.

        Raises
        ------
        data.postgres.past_moments.PastError
            If the stream can't be shown at that moment.
        """
        # While one session reads, the others wait for its result.
        with self._lock:
            if at in self._kept:
                found, read_at = self._kept[at]
                if _is_closed(read_at, now, at):
                    self._kept.move_to_end(at)
                    return found
            with patient(connection, TIMEOUT_MS):
                found = read(connection, at)
            self._kept[at] = (found, now)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return found


def new_cache() -> PastCache:
    """An empty cache for one database."""
    return PastCache()


def customers_at(moment: Moment, at: datetime) -> Past:
    """All customers at a past moment, from the process's cache.

    Raises
    ------
    data.postgres.past_moments.PastError
        If the stream can't be shown at that moment.
    """
    return per_database(moment.connection.engine, new_cache).read(moment.connection, moment.progress, at)


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


def _is_closed(before: StreamProgress, now: StreamProgress, at: datetime) -> bool:
    """Whether what was read of a moment still holds."""
    if before.event_time is None or now.event_time is None:
        return False
    unchanged = all(getattr(before, name) == getattr(now, name) for name in ("late", "revisions", "forgotten"))
    is_same = before.transactions <= now.transactions and before.event_time <= now.event_time
    # At the very moment that the stream has reached, more may still happen.
    passed = at < before.event_time or (before.transactions, before.changes) == (now.transactions, now.changes)
    return unchanged and is_same and passed
