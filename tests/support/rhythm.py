"""A rhythm model of a small shop, and models that carry it."""

from msgspec import json
from sqlalchemy import Engine, update

from data.postgres.tables import models
from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import Calibrations, RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import CALENDAR
from models.rhythm.spending import Spending
from models.segment_model import SegmentModel, to_json
from tests.support.generated_tables import a_model


def a_rhythm(lost_below: float = 0.1) -> RhythmModel:
    """A rhythm model without seasons."""
    line = Calibration(-0.2, 1.1)
    quarter = {"begin": 1_270_000_000_000_000, "customers": 500, "predicted": 201.3, "ordered": 190}
    return build_rhythm(
        Buying(0.7, 50.0, 0.3, 3.0),
        CALENDAR,
        Spending(2.4, 3.8, 410.0),
        Calibrations(line, line, 0.9),
        lost_below,
        {"same_season_seen": True, "customers": 600, "last_quarter": quarter},
    )


def a_predicting_model() -> SegmentModel:
    """The model of the generated tables, with predictions."""
    return carrying(a_model(), a_rhythm())


def store_predictions(postgres: Engine) -> None:
    """Let the stored models carry predictions."""
    with postgres.begin() as connection:
        connection.execute(update(models).values(spec=json.decode(to_json(a_predicting_model()))))
