"""The text of "Predicted and what happened": one sentence, whether the predictions count wrong, and tenths. Pure."""

from datetime import datetime
from typing import Any

from dashboard.at_risk.checked import Checked, Compared
from dashboard.shared import elements, style
from dashboard.shared.literal import escape
from models.rhythm.checked_model import fitted_at
from models.rhythm.prediction_check import PredictionCheck, Tenth
from models.rhythm.sample_size import MOST_CUSTOMERS
from models.units import from_micros
from runtime.counts import many

TITLE = "Predicted and what happened"
#: Tenths of fewer customers say nothing.
LEAST_FOR_TENTHS = 100
NEW_SEASON = "The data has no such season a year before: trust the ranking of customers, not the counts."
_GREY, _ACCENT = "#8a919e", "var(--sg-accent)"
#: Smaller expectations are written with a decimal.
_FEW = 10


def section(found: Checked, metadata: dict[str, Any], *, is_past: bool = False, is_known: bool = True) -> str:
    """Predicted against actual and, as long as there is nothing to compare, the check of the fit.

    Parameters
    ----------
    metadata
        Of the rhythm model whose predictions the page shows.
    is_past
        Whether the page shows a past day, on which it gives no advice.
    is_known
        Whether the check of the fit could have been known at the moment that the page shows.
    """
    heading = elements.title(TITLE)
    fit = fit_check(metadata) if is_known else ""
    if found.compared is None:
        return heading + elements.note(f"{_not_yet(found)} {fit} {_season(metadata)}".strip())
    check = found.compared.check
    verdict = _wrong(found.compared, found.end, is_past) if check.is_wrong else elements.note(_right(check))
    # The warning has said so.
    season = "" if check.is_wrong else _season(metadata)
    meanwhile = "" if found.compared.model.is_shown else fit
    notes = " ".join(text for text in (_whose(found), meanwhile, season) if text)
    return heading + _sentence(found.compared) + verdict + _tenths(check) + elements.note(notes)


def fit_check(metadata: dict[str, Any]) -> str:
    """How right a fit of a quarter earlier was."""
    quarter = metadata.get("last_quarter")
    if not isinstance(quarter, dict) or not isinstance(quarter.get("begin"), int):
        return "Nothing shows yet how right the predictions are."
    began = style.date(from_micros(quarter["begin"]))
    return (
        "Meanwhile the check of the fit, by a model that was fitted 90 days earlier: "
        f"Predicted on {began} for the following 90 days: {quarter['predicted']:,.0f} of {quarter['customers']:,} "
        f"customers order. Actual: {quarter['ordered']:,}."
    )


def _season(metadata: dict[str, Any]) -> str:
    return "" if metadata.get("same_season_seen") else NEW_SEASON


def _not_yet(found: Checked) -> str:
    if not found.is_active:
        return "The predictions can’t be compared with what happened yet: their model is not active on all partitions."
    if found.comparable_from is None:
        return (
            "The predictions can’t be compared with what happened: it is not known which orders their model has seen."
        )
    if found.comparable_from <= found.end:
        return (
            "The predictions can’t be compared with what happened yet: 30 days ago no customer had ordered, or another "
            "model was active on some partitions."
        )
    return (
        f"The predictions will be compared with what happens from {style.date(found.comparable_from)} on, when the "
        "model has been active for 30 days after the last order that it has seen."
    )


def _sentence(compared: Compared) -> str:
    check, model = compared.check, compared.model
    predicted = _number(check.predicted)
    sample = "a sample of " if check.customers == MOST_CUSTOMERS else ""
    return (
        f'<p class="sg-compared" data-checked="{check.customers}" data-predicted="{check.predicted:.3f}" '
        f'data-ordered="{check.ordered}" data-days="{model.days}">Of {sample}'
        f"{many(check.customers, 'customer')} on {style.date(from_micros(model.begin))}, <b>{predicted}</b> "
        f"{'was' if predicted == '1.0' else 'were'} predicted to order within {model.days} days; "
        f"<b>{check.ordered:,}</b> did.</p>"
    )


def _right(check: PredictionCheck) -> str:
    if check.is_open:
        return "These are too few customers to say whether that is right."
    return f"That is within the allowance for chance and calibration (± {_number(check.allowance)} customers)."


def _wrong(compared: Compared, end: datetime, is_past: bool) -> str:
    check, model = compared.check, compared.model
    difference = check.ordered - check.predicted
    way = "more" if difference > 0 else "fewer"
    share = f" ({abs(difference) / check.predicted:.0%})" if check.predicted >= 1 else ""
    text = (
        f"{_number(abs(difference))} {way} customers ordered than predicted{share}; the allowance for chance and "
        f"calibration is {_number(check.allowance)}. Trust the ranking of customers, not the counts."
    )
    if not model.rhythm.metadata.get("same_season_seen"):
        text += " The model had not seen such a season a year before, which may be the reason."
    advice = ""
    if not model.is_shown:
        advice = " These predictions are no longer those of the page."
    elif not is_past:
        advice = (
            f" Fit again on the orders up to {style.date(end)} or later: <code>segue fit --from-stream</code>, then "
            "<code>segue models activate challenger</code>."
        )
    return (
        f'<div class="sg-banner" role="status" data-counts-wrong><b>Predictions count wrong.</b> {escape(text)}'
        f"{advice}</div>"
    )


def _whose(found: Checked) -> str:
    if found.compared is None:
        return ""
    model = found.compared.model
    fitted = fitted_at(model.rhythm)
    until = "" if fitted is None else f", fitted on the orders up to {style.date(from_micros(fitted))}"
    text = (
        f"Predicted by the model that was active then, {model.model_version}{until}: it had seen none of what followed."
    )
    if model.is_shown:
        return text
    if found.comparable_from is None:
        return f"{text} The page now shows another model’s predictions."
    return f"{text} The present predictions are compared from {style.date(found.comparable_from)} on."


def _tenths(check: PredictionCheck) -> str:
    if check.customers < LEAST_FOR_TENTHS:
        return ""
    shares = [(each, _percent(each.predicted, each), _percent(each.ordered, each)) for each in check.tenths]
    label = ", ".join(f"{predicted} and {actual}" for _, predicted, actual in shares)
    columns = "".join(
        f'<div title="{many(each.customers, "customer")}: {_number(each.predicted)} predicted, {each.ordered:,} did">'
        f'<div class="sg-pair"><i style="--share:{predicted}%"></i>'
        f'<i class="sg-did" style="--share:{actual}%"></i></div>'
        f"<span>{predicted}</span><b>{actual}</b></div>"
        for each, predicted, actual in shares
    )
    marks = (
        f'<span class="sg-mark" style="--cause:{_GREY}">predicted</span>'
        f'<span class="sg-mark" style="--cause:{_ACCENT}">ordered</span>'
    )
    return (
        f'<div class="sg-note">Share of customers, in per cent, by tenths of them, the least likely first:{marks}</div>'
        f'<div class="sg-tenths" role="img" aria-label="Predicted and actual share in per cent by tenths: {label}">'
        f"{columns}</div>"
    )


def _percent(part: float, tenth: Tenth) -> str:
    return f"{100 * part / tenth.customers:.0f}"


def _number(number: float) -> str:
    """A number of customers that need not be a whole one.

    >>> _number(2281.4), _number(0.72)
    ('2,281', '0.7')
    """
    return f"{number:,.0f}" if number >= _FEW else f"{number:.1f}"
