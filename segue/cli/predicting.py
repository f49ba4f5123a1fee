"""The predictions of ``segue fit``: a rhythm model beside the segments, and one line about how good it is."""

from dataclasses import replace

from sqlalchemy import Engine

from batch.fit import FitResult
from batch.fit_predictions import LAST_QUARTER_KEY, FittedPredictions, fit_predictions
from data.postgres import model_registry
from models.rhythm.carried import carrying, rhythm_of
from models.segment_model import SegmentModel
from runtime.counts import many
from segue.cli.console import messages
from segue.cli.fitting import FitSource


def with_predictions(result: FitResult, source: FitSource) -> FitResult:
    """Fit a rhythm model on the same orders, say in one line how good it is or why there is none, and add it."""
    fitted = fit_predictions(source.orders(), source.as_of)
    messages.print(_quality(fitted), soft_wrap=True, markup=False)
    return result if fitted.model is None else replace(result, model=carrying(result.model, fitted.model))


def _quality(fitted: FittedPredictions) -> str:
    if fitted.model is None:
        return f"No predictions of orders: {fitted.reason}. The segments do not need them."
    notes = fitted.model.metadata
    season = (
        "The same season of the year before is in the data."
        if notes["same_season_seen"]
        else "The data has no such season a year before: trust the ranking of customers, not the counts."
    )
    quarter = notes.get(LAST_QUARTER_KEY)
    checked = (
        "There is no quarter to check them on."
        if quarter is None
        else f"A model that knew nothing of the last 90 days predicted {quarter['predicted']:,.0f} of "
        f"{many(quarter['customers'], 'customer')} to order in them; {quarter['ordered']:,} did."
    )
    return f"Predictions of orders: fitted on {many(notes['customers'], 'customer')}. {checked} {season}"


def say_if_left_out(postgres: Engine, model: SegmentModel) -> None:
    """Say so if the same segments were registered before, without the rhythm model that they have now."""
    stored = model_registry.load(postgres, model.version)
    if rhythm_of(model) is not None and rhythm_of(stored) is None:
        messages.print(
            f"{model.version} was registered before, without predictions, and stays so: fit as of another --cutoff.",
            style="yellow",
            soft_wrap=True,
        )
