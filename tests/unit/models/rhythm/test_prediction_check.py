"""Predicted against actual equals a count by hand, and a difference counts only beyond chance and calibration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rhythm.prediction_check import PredictionCheck, check_predictions

customers = st.lists(st.tuples(st.floats(0, 1, allow_nan=False).map(lambda p: round(p, 3)), st.booleans()), max_size=60)
Rows = list[tuple[float, bool]]


def checked(rows: Rows) -> PredictionCheck:
    return check_predictions(
        np.array([p for p, _ in rows], dtype=np.float64), np.array([did for _, did in rows], dtype=np.bool_)
    )


def by_hand(rows: Rows) -> tuple[float, int, float, bool]:
    """Sum, count, standard error and verdict, as docs/predictions.md defines them."""
    predicted, ordered, variance = 0.0, 0, 0.0
    for p, did in rows:
        predicted += p
        variance += p * (1 - p)
        if did:
            ordered += 1
    error = math.sqrt(variance)
    is_wrong = abs(ordered - predicted) > math.sqrt(9 * variance + predicted**2 / 100) + 3
    return predicted, ordered, error, is_wrong


def tenths_by_hand(rows: Rows) -> list[tuple[int, float, int]]:
    """Size, sum and count of each tenth; the first ones have one customer more if ten does not divide their number."""
    ranked = sorted(rows, key=lambda row: row[0])
    found = []
    for number in range(10):
        size = len(rows) // 10 + (1 if number < len(rows) % 10 else 0)
        part, ranked = ranked[:size], ranked[size:]
        if part:
            found.append((size, sum(p for p, _ in part), sum(did for _, did in part)))
    return found


@given(customers)
def test_a_check_equals_a_count_by_hand(rows: Rows) -> None:
    found = checked(rows)
    predicted, ordered, error, is_wrong = by_hand(rows)
    assert (found.customers, found.ordered) == (len(rows), ordered)
    assert found.predicted == pytest.approx(predicted)
    assert found.standard_error == pytest.approx(error)
    # At the edge itself, rounding may decide.
    if abs(abs(ordered - predicted) - found.allowance) > 1e-9:
        assert found.is_wrong == is_wrong


@given(customers)
def test_tenths_are_those_of_a_sorted_list_and_add_up(rows: Rows) -> None:
    found = checked(rows)
    assert [each.customers for each in found.tenths] == [size for size, _, _ in tenths_by_hand(rows)]
    assert [each.predicted for each in found.tenths] == pytest.approx([sum_ for _, sum_, _ in tenths_by_hand(rows)])
    # Customers with the same prediction may be in one tenth or in its neighbour, in the order in which they are given.
    assert [each.ordered for each in found.tenths] == [count for _, _, count in tenths_by_hand(rows)]
    assert sum(each.ordered for each in found.tenths) == found.ordered
    assert sum(each.predicted for each in found.tenths) == pytest.approx(found.predicted)


@given(customers)
def test_a_check_in_which_no_outcome_could_be_wrong_is_open(rows: Rows) -> None:
    found = checked(rows)
    nobody, everybody = checked([(p, False) for p, _ in rows]), checked([(p, True) for p, _ in rows])
    could_be_wrong = nobody.is_wrong or everybody.is_wrong
    if min(abs(found.allowance - found.predicted), abs(found.allowance - (len(rows) - found.predicted))) > 1e-9:
        assert found.is_open == (not could_be_wrong)


@given(customers)
def test_the_edge_of_the_allowance_is_where_predictions_begin_to_count_wrong(rows: Rows) -> None:
    found = checked(rows)
    is_beyond = found.ordered > found.edge if found.ordered > found.predicted else found.ordered < found.edge
    if abs(found.ordered - found.edge) > 1e-9:
        assert is_beyond == found.is_wrong


def test_one_customer_is_never_enough() -> None:
    for p in (0.0, 0.01, 0.5, 0.99, 1.0):
        for did in (False, True):
            found = checked([(p, did)])
            assert found.is_open
            assert not found.is_wrong


@pytest.mark.parametrize("size", [1, 5, 20, 100, 1_000, 20_000])
def test_true_probabilities_hardly_ever_count_wrong(size: int) -> None:
    rng = np.random.default_rng(size)
    p = rng.beta(0.5, 1.5, size)
    wrong = sum(check_predictions(p, rng.random(size) < p).is_wrong for _ in range(400))
    assert wrong <= 3


def test_customers_who_order_half_as_often_as_predicted_do_count_wrong() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 1.5, 2_000)
    assert all(check_predictions(p, rng.random(2_000) < p / 2).is_wrong for _ in range(100))


def test_chance_and_calibration_add_up_as_variances_do() -> None:
    # 3 standard errors are 60 customers, a tenth is 80.
    found = check_predictions(np.full(1_600, 0.5), np.arange(1_600) < 800)
    assert found.allowance == pytest.approx(100 + 3)
    assert not check_predictions(np.full(1_600, 0.5), np.arange(1_600) < 697).is_wrong
    assert check_predictions(np.full(1_600, 0.5), np.arange(1_600) < 696).is_wrong
    assert check_predictions(np.full(1_600, 0.5), np.arange(1_600) < 904).is_wrong


def test_predictions_that_are_true_but_for_a_calibration_that_is_a_twentieth_off_do_not_count_wrong() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(0.5, 1.5, 20_000)
    assert not any(check_predictions(p, rng.random(20_000) < 0.95 * p).is_wrong for _ in range(100))
