"""A new model after drift: the batch fit on everybody as of the alarm, in the champion's words, as a proposal."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from batch.fit import fit
from data.postgres.stream_profiles import read_profiles
from models.segment_model import SegmentModel

ORIGIN = "refit"
_SEED = 42


def refit(engine: Engine, champion: SegmentModel, as_of: datetime, because: Sequence[str]) -> SegmentModel:
    """Fit as the champion was fitted, on the stream's customers as of a moment that it has reached.

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
        champion=champion,
        metadata=metadata,
    )
    return result.model
