"""What a customer will do: the predictions of one profile, and the words for them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from dashboard.shared import predicted_text
from dashboard.shared.predicted import Predicted, predicted
from dashboard.shared.profiles import PastProfile
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, expected_spend, next_order, p_order
from models.units import from_micros, to_micros
from tests.support.money import POUNDS
from tests.support.rhythm import a_rhythm

FIRST = datetime(2010, 1, 4, tzinfo=UTC)
LAST = FIRST + timedelta(days=300)
NOW = LAST + timedelta(days=20)


def bought(orders: int, last: datetime | None = LAST) -> PastProfile:
    return PastProfile(
        customer_id="c1",
        country="France",
        first_purchase_at=None if last is None else FIRST,
        last_purchase_at=last,
        last_event_at=LAST,
        frequency=orders,
        gross=Decimal(1_200),
        returned=Decimal(200),
        segment="loyal",
        segment_since=FIRST,
        model_version="k1",
        next_change_at=None,
        next_segment=None,
    )


def seen(orders: int = 12, now: datetime = NOW, model: RhythmModel | None = None) -> Predicted:
    found = predicted(model or a_rhythm(), bought(orders), now)
    assert found is not None
    return found


def test_predictions_are_those_of_the_rhythm_model() -> None:
    model, now = a_rhythm(), to_micros(NOW)
    who = Histories(np.array([to_micros(FIRST)]), np.array([to_micros(LAST)]), np.array([12]))
    found, coming = seen(), next_order(model, who, now)
    assert (found.within_30_days, found.within_90_days) == tuple(p_order(model, who, now, days)[0] for days in (30, 90))
    assert found.next_order == from_micros(int(coming.expected[0]))
    assert found.half == (from_micros(int(coming.early_50[0])), from_micros(int(coming.late_50[0])))
    assert found.eight_in_ten == (from_micros(int(coming.early_80[0])), from_micros(int(coming.late_80[0])))
    assert found.yearly_spend == expected_spend(model, who, np.array([1_000.0]), now)[0]


def test_the_intervals_lie_in_each_other_and_a_longer_silence_makes_an_order_less_probable() -> None:
    found, later = seen(), seen(now=NOW + timedelta(days=60))
    moments = (NOW, found.eight_in_ten[0], found.half[0], found.next_order, found.half[1], found.eight_in_ten[1])
    assert [*moments] == sorted(moment for moment in moments if moment is not None)
    assert later.within_90_days < found.within_90_days


@pytest.mark.parametrize("profile", [bought(0, None), bought(0)], ids=["only returns", "all orders cancelled"])
def test_without_an_order_nothing_is_predicted(profile: PastProfile) -> None:
    assert predicted(a_rhythm(), profile, NOW) is None


def test_the_words_name_chances_days_and_money() -> None:
    day = datetime(2011, 10, 12, tzinfo=UTC)
    ends = [day + timedelta(days=days) for days in (-9, 20, -14, 60)]
    who = Predicted(0.42, 0.761, day, (ends[0], ends[1]), (ends[2], ends[3]), 1_234.5)
    now = datetime(2011, 9, 1, tzinfo=UTC)
    assert predicted_text.chances(who) == "Back within 30 days: 42%, within 90 days: 76%."
    assert predicted_text.next_order(who, now) == (
        "The next order, if one comes: around 12 Oct 2011; half of such orders come from 3 Oct 2011 to 1 Nov 2011, "
        "eight in ten from 28 Sep 2011 to 11 Dec 2011."
    )
    assert predicted_text.spend(who, POUNDS) == "Expected spend within 365 days: £1,234.50."


def test_a_next_order_that_nobody_can_foresee_has_no_day() -> None:
    who = Predicted(0.0, 0.0, None, (NOW, None), (NOW, None), -1.0)
    sentence = "The next order, if one comes, is as likely beyond two years as before."
    assert predicted_text.next_order(who, NOW) == sentence
    assert predicted_text.spend(who, POUNDS) == "Expected spend within 365 days: £0.00."
