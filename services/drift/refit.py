"""Refits after drift: a batch fit on all customers as of the alarm, with the champion's segment names."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from batch.fit import fit
from data.postgres.stream_profiles import read_profiles
from models.segment_model import SegmentModel

ORIGIN = "refit"
_SEED = 42


def refit(engine: Engine, champion: SegmentModel, as_of: datetime, because: Sequence[str]) -> SegmentModel:
    """Fit a model with the champion's parameters, on the stream's customers as of ``as_of``.

    The watermark must have passed ``as_of``.

    Raises
    ------
    FitError
        If there are too few customers.
    """
    profiles = read_profiles(engine, as_of).profiles
    metadata = {"dataset": "the stream", "cutoff": as_of.isoformat(), "origin": ORIGIN, "because": list(because)}
    result = fit(
        profiles,
        k=len(champion.segments),
        monetary=champion.monetary,
        transform=champion.transform,
        scaler=champion.metadata.get("scaler", "standard"),
        seed=champion.metadata.get("seed", _SEED),
        rank_order=champion.metadata.get("rank_order", False),
        recency_unit=champion.recency_unit,
        champion=champion,
        metadata=metadata,
    )
    return result.model
