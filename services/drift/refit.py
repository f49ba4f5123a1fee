"""Refits after drift: a batch fit on all customers as of the alarm, with the champion's segment names.

The rhythm model is fitted anew on the ledger. If that is impossible, the new model carries the champion's.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Engine

from batch.fit import fit
from batch.fit_predictions import fit_predictions
from data.postgres.ledger import orders_until
from data.postgres.stream_profiles import read_profiles
from models.rhythm.carried import carrying, keeping
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.segment_model import SegmentModel

log = structlog.get_logger(__name__)

ORIGIN = "refit"
# That of batch.presets, for a champion that does not say which seed it was fitted with.
_SEED = 42


def refit(engine: Engine, champion: SegmentModel, as_of: datetime, because: Sequence[str]) -> SegmentModel:
    """Fit a model with the champion's parameters, on the stream's customers as of ``as_of``.

    The watermark must have passed ``as_of``.

    Raises
    ------
    FitError
        If there are too few customers.
    """
    profiles = read_profiles(engine, as_of, champion.window_days).profiles
    metadata = {"dataset": "the stream", "cutoff": as_of.isoformat(), "origin": ORIGIN, "because": list(because)}
    result = fit(
        profiles,
        k=len(champion.scored_centroids),
        monetary=champion.monetary,
        transform=champion.transform,
        scaler=champion.metadata.get("scaler", "standard"),
        seed=champion.metadata.get("seed", _SEED),
        rank_order=champion.metadata.get("rank_order", False),
        recency_unit=champion.recency_unit,
        window_days=champion.window_days,
        champion=champion,
        metadata=metadata,
    )
    return _with_rhythm(engine, result.model, champion, as_of)


def _with_rhythm(engine: Engine, model: SegmentModel, champion: SegmentModel, as_of: datetime) -> SegmentModel:
    with engine.connect() as connection:
        orders = orders_until(connection, as_of, MOST_CUSTOMERS)
    fitted = fit_predictions(orders, as_of)
    if fitted.model is not None:
        return carrying(model, fitted.model)
    log.info("no new rhythm model", reason=fitted.reason)
    return keeping(model, champion)
