"""Only predictions are judged that were made before what they are about, by a model that was active then."""

from collections.abc import Iterator

import msgspec
import pytest

from models.rhythm.checked_model import CheckedModel, RhythmPeriod, active_at, checked_models, first_check
from models.rhythm.rhythm_model import RhythmModel
from models.units import MICROS_PER_DAY
from tests.support.rhythm import a_rhythm

OLD, NEW = a_rhythm(0.1), a_rhythm(0.2)


def fitted(rhythm: RhythmModel, day: int | None) -> RhythmModel:
    """The model, with the day on which it was fitted in its metadata; None if nobody noted it."""
    notes = {} if day is None else {"fitted_at": day * MICROS_PER_DAY}
    return msgspec.structs.replace(rhythm, metadata=notes)


def period(version: str, rhythm: RhythmModel, since: int | None, until: int | None) -> RhythmPeriod:
    """A period between two days."""
    return RhythmPeriod(version, rhythm, *(None if day is None else day * MICROS_PER_DAY for day in (since, until)))


def judged(periods: list[RhythmPeriod], day: int) -> Iterator[CheckedModel]:
    """What can be judged at the end of a day, beside the predictions of the active model."""
    end = day * MICROS_PER_DAY
    active = active_at(periods, end)
    assert active is not None
    return checked_models(periods, end, active.rhythm)


def best(periods: list[RhythmPeriod], day: int) -> tuple[str, int, bool] | None:
    """Version, days and whether it is the active model, of what is judged first."""
    found = next(judged(periods, day), None)
    if found is None:
        return None
    assert found.begin == (day - found.days) * MICROS_PER_DAY
    return found.model_version, found.days, found.is_shown


@pytest.mark.parametrize(
    ("day", "expected"),
    [(100, None), (129, None), (130, ("a", 30, True)), (189, ("a", 30, True)), (190, ("a", 90, True))],
)
def test_the_first_model_is_judged_by_what_followed_its_fit(day: int, expected: tuple[str, int, bool] | None) -> None:
    assert best([period("a", fitted(OLD, 100), None, None)], day) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (299, ("a", 90, True)),
        # The new model has just become active: the one before is judged, by days that began under it.
        (300, ("a", 90, False)),
        (329, ("a", 90, False)),
        # From then on the new one is.
        (330, ("b", 30, True)),
        (389, ("b", 30, True)),
        (390, ("b", 90, True)),
    ],
)
def test_the_present_model_is_judged_as_soon_as_it_can_be_and_until_then_the_one_before(
    day: int, expected: tuple[str, int, bool]
) -> None:
    periods = [period("a", fitted(OLD, 100), None, 300), period("b", fitted(NEW, 300), 300, None)]
    assert best(periods, day) == expected


def test_a_model_that_was_active_before_it_was_fitted_is_not_judged_by_what_it_has_seen() -> None:
    periods = [period("a", fitted(OLD, 250), 100, None)]
    assert [each.days for each in judged(periods, 300)] == [30]


def test_a_model_that_does_not_say_what_it_has_seen_is_never_judged() -> None:
    periods = [period("a", fitted(OLD, None), None, None)]
    assert best(periods, 10_000) is None
    assert first_check(periods[0]) is None


def test_a_rhythm_model_that_another_segment_model_keeps_is_the_same_predictions() -> None:
    periods = [period("a", fitted(OLD, 100), None, 300), period("b", fitted(OLD, 100), 300, None)]
    assert best(periods, 310) == ("a", 90, True)


def test_a_gap_in_which_partitions_had_different_models_is_not_judged() -> None:
    periods = [period("a", fitted(OLD, 0), None, 200), period("b", fitted(NEW, 150), 210, None)]
    assert best(periods, 295) == ("b", 30, True)
    assert [each.days for each in judged(periods, 295)] == [30]


def test_the_first_comparison_is_thirty_days_after_the_fit_or_the_activation_whichever_is_later() -> None:
    for since, at, expected in ((None, 100, 130), (50, 100, 130), (200, 100, 230)):
        assert first_check(period("a", fitted(OLD, at), since, None)) == expected * MICROS_PER_DAY


def test_the_first_comparison_is_at_a_midnight_at_which_the_model_can_be_judged_and_at_no_earlier_one() -> None:
    noon = MICROS_PER_DAY // 2
    for since, at in ((None, 100 * MICROS_PER_DAY + noon), (200 * MICROS_PER_DAY + 1, 100 * MICROS_PER_DAY)):
        known = RhythmPeriod("a", msgspec.structs.replace(OLD, metadata={"fitted_at": at}), since, None)
        first = first_check(known)
        assert first is not None
        assert first % MICROS_PER_DAY == 0
        assert [each.days for each in checked_models([known], first, OLD)] == [30]
        assert not [*checked_models([known], first - MICROS_PER_DAY, OLD)]


def test_a_model_that_is_active_but_not_shown_is_judged_as_another_one() -> None:
    periods = [period("a", fitted(OLD, 100), None, 300), period("b", fitted(NEW, 300), 300, None)]
    (first, *_) = checked_models(periods, 400 * MICROS_PER_DAY, OLD)
    assert (first.model_version, first.days, first.is_shown) == ("b", 90, False)


def test_a_model_that_has_become_active_since_the_end_is_the_present_one_and_is_not_judged_yet() -> None:
    old, new = period("a", fitted(OLD, 100), None, 301), period("b", fitted(NEW, 300), 301, None)
    (first, *_) = checked_models([old, new], 300 * MICROS_PER_DAY, NEW)
    assert (first.model_version, first.is_shown) == ("a", False)
