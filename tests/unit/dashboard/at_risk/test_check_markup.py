"""The text of "Predicted and what happened"."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import msgspec
import numpy as np
import pytest

from dashboard.at_risk.check_markup import section
from dashboard.at_risk.checked import Checked, Compared
from models.rhythm.checked_model import CheckedModel
from models.rhythm.prediction_check import check_predictions
from models.units import to_micros
from tests.support.rhythm import a_rhythm

END = datetime(2011, 12, 9, tzinfo=UTC)
BEGIN = END - timedelta(days=90)
FITTED = datetime(2011, 9, 1, tzinfo=UTC)
NASTY = "<script>alert(1)</script>"
NOTES = a_rhythm().metadata


def compared(customers: int, p: float, ordered: int, *, is_shown: bool = True, season: bool = True) -> Checked:
    notes = NOTES | {"fitted_at": to_micros(FITTED), "same_season_seen": season}
    rhythm = msgspec.structs.replace(a_rhythm(), metadata=notes)
    check = check_predictions(np.full(customers, p), np.arange(customers) < ordered)
    model = CheckedModel("k5-abc", rhythm, to_micros(BEGIN), 90, is_shown)
    return Checked(END, Compared(model, check), True, END + timedelta(days=31))


def nothing(comparable_from: datetime | None, *, is_active: bool = True) -> Checked:
    return Checked(END, None, is_active, comparable_from)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_one_sentence_says_what_was_predicted_and_what_happened() -> None:
    shown = words(section(compared(5_287, 0.4314, 2_292), NOTES))
    assert "Of 5,287 customers on 10 Sep 2011, 2,281 were predicted to order within 90 days; 2,292 did." in shown
    assert "That is within the allowance for chance and calibration (± 255 customers)." in shown
    assert "k5-abc, fitted on the orders up to 1 Sep 2011: it had seen none of what followed." in shown
    assert "wrong" not in shown
    assert "Meanwhile" not in shown


def test_a_wrong_count_is_a_warning_with_its_size_and_what_to_do() -> None:
    html = section(compared(5_287, 0.4314, 1_141), NOTES)
    assert "data-counts-wrong" in html
    assert "Predictions count wrong. 1,140 fewer customers ordered than predicted (50%); the" in words(html)
    assert "(50%); the allowance for chance and calibration is 255. Trust the ranking" in words(html)
    assert "Fit again on the orders up to 9 Dec 2011 or later: segue fit --from-stream" in words(html)
    assert "more customers ordered than predicted" in words(section(compared(5_287, 0.2, 2_000), NOTES))
    assert "had not seen such a season" not in words(html)
    new_season = section(compared(5_287, 0.4314, 1_141, season=False), NOTES)
    assert "The model had not seen such a season a year before, which may be the reason." in words(new_season)


def test_a_past_day_gives_no_advice() -> None:
    html = section(compared(5_287, 0.4314, 1_141), NOTES, is_past=True)
    assert "data-counts-wrong" in html
    assert "segue fit" not in html


def test_an_earlier_model_is_said_to_be_another_one_beside_the_check_of_the_present_fit() -> None:
    shown = words(section(compared(5_287, 0.4314, 1_141, is_shown=False), NOTES))
    assert "These predictions are no longer those of the page." in shown
    assert "The present predictions are compared from 9 Jan 2012 on." in shown
    assert "201 of 500 customers order. Actual: 190." in shown
    assert "segue fit" not in shown


@pytest.mark.parametrize(
    ("p", "ordered", "sentence"),
    [(0.7, 1, "0.7 were predicted"), (1.0, 1, "1.0 was predicted"), (0.01, 0, "0.0 were predicted")],
)
def test_one_customer_is_one_customer_and_shows_nothing(p: float, ordered: int, sentence: str) -> None:
    html = section(compared(1, p, ordered), NOTES)
    assert f"Of 1 customer on 10 Sep 2011, {sentence} to order within 90 days; {ordered} did." in words(html)
    assert "too few customers to say" in words(html)
    assert "sg-tenths" not in html


def test_tenths_have_the_shares_as_numbers_and_for_screen_readers() -> None:
    html = section(compared(1_000, 0.5, 500), NOTES)
    assert html.count('class="sg-pair"') == 10
    # Rows with the same prediction keep their order: the first five tenths are those who ordered.
    assert "by tenths: 50 and 100, 50 and 100, 50 and 100, 50 and 100, 50 and 100, 50 and 0" in html


def test_a_sample_is_called_one() -> None:
    assert "Of a sample of 20,000 customers" in words(section(compared(20_000, 0.5, 10_000), NOTES))
    assert "sample" not in words(section(compared(19_999, 0.5, 10_000), NOTES))


def test_until_there_is_a_comparison_the_check_of_the_fit_is_shown_as_such() -> None:
    shown = words(section(nothing(END + timedelta(days=3)), NOTES))
    assert "will be compared with what happens from 12 Dec 2011 on" in shown
    assert "Meanwhile the check of the fit, by a model that was fitted 90 days earlier: Predicted on 31 Mar" in shown
    assert shown.endswith("for the following 90 days: 201 of 500 customers order. Actual: 190.")
    assert "Meanwhile" not in words(section(nothing(END + timedelta(days=3)), NOTES, is_known=False))
    assert "Nothing shows yet how right the predictions are." in words(section(nothing(None), {}))
    assert "not known which orders their model has seen" in words(section(nothing(None), NOTES))
    inactive = words(section(nothing(None, is_active=False), NOTES))
    assert "yet: their model is not active on all partitions." in inactive
    assert "not known which orders" not in inactive
    assert "30 days ago no customer had ordered" in words(section(nothing(END), NOTES))


def test_the_counts_are_not_to_be_trusted_in_a_new_season() -> None:
    notes = NOTES | {"same_season_seen": False}
    for found in (nothing(None), compared(5_287, 0.4314, 2_292)):
        assert "trust the ranking of customers, not the counts" in words(section(found, notes))
        assert "trust the ranking" not in words(section(found, NOTES))


def test_stored_texts_are_escaped() -> None:
    found = compared(10, 0.5, 5)
    assert found.compared is not None
    model = found.compared.model._replace(model_version=NASTY)
    html = section(Checked(END, Compared(model, found.compared.check), True, None), NOTES)
    assert "<script" not in html
    assert "&lt;script" in html
