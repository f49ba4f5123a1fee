import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from batch.pipeline import sklearn_pipeline
from batch.profiles import features
from models.compare import compare
from models.segment_model import SegmentModel
from models.trailing_window import with_window
from tests.support.builders import random_model
from tests.support.strategies import segment_models


def some_customers(count: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "recency_days": rng.integers(0, 500, count),
            "frequency": rng.integers(1, 30, count),
            "gross_units": rng.integers(1, 30_000_000, count),
            "returned_units": rng.integers(0, 3_000_000, count),
        },
        index=pd.Index([f"c{number:03}" for number in range(count)], name="customer_id"),
    )


CUSTOMERS = some_customers()


def segment(model: SegmentModel) -> list[str]:
    numbers = sklearn_pipeline(model).predict(features(CUSTOMERS, model.monetary).to_numpy())
    return [model.segments[number].id for number in numbers]


@given(segment_models(), segment_models())
def test_movers_are_the_customers_that_scikit_learn_puts_in_another_segment(
    before: SegmentModel, after: SegmentModel
) -> None:
    found = compare(CUSTOMERS, before, after)
    expected = {
        customer: pair
        for customer, *pair in zip(CUSTOMERS.index, segment(before), segment(after), strict=True)
        if pair[0] != pair[1]
    }
    assert {who: [row.before, row.after] for who, row in found.movers.iterrows()} == expected
    assert found.customers == len(CUSTOMERS)
    assert found.share == pytest.approx(len(expected) / len(CUSTOMERS))


@given(segment_models(), segment_models())
def test_the_matrix_counts_every_customer_once(before: SegmentModel, after: SegmentModel) -> None:
    found = compare(CUSTOMERS, before, after)
    assert found.matrix.index.tolist() == list(before.index)
    assert found.matrix.columns.tolist() == list(after.index)
    assert found.matrix.to_numpy().sum() == len(CUSTOMERS)
    stay = sum(int(found.matrix[name].loc[name]) for name in before.index if name in after.index)
    assert len(CUSTOMERS) - stay == len(found.movers)


@given(segment_models())
def test_comparing_a_model_with_itself_has_no_movers(model: SegmentModel) -> None:
    assert compare(CUSTOMERS, model, model).movers.empty


@given(segment_models(), segment_models())
def test_movers_are_ordered_by_monetary_value(before: SegmentModel, after: SegmentModel) -> None:
    found = compare(CUSTOMERS, before, after)
    assert found.movers["monetary"].is_monotonic_decreasing
    money = features(CUSTOMERS, after.monetary)["monetary"]
    np.testing.assert_array_equal(found.movers["monetary"], money[found.movers.index])


@given(segment_models(), segment_models())
def test_no_customers_give_an_empty_comparison(before: SegmentModel, after: SegmentModel) -> None:
    found = compare(CUSTOMERS[:0], before, after)
    assert (found.customers, found.share, len(found.movers)) == (0, 0.0, 0)


def test_models_with_different_windows_are_compared_by_what_each_of_them_counts() -> None:
    lifetime = random_model("log1p", 4, 1)
    windowed = with_window(lifetime, 90)
    columns = ["recency_days", "frequency", "gross_units", "returned_units"]
    ever = pd.DataFrame([[10, 3, 900_000, 0], [200, 2, 500_000, 0]], ["a", "b"], columns)
    inside = pd.DataFrame([[10, 3, 900_000, 0], [200, 0, 0, 0]], ["a", "b"], columns)
    found = compare(inside, lifetime, windowed, ever)
    assert found.movers.index.tolist() == ["b"]
    assert found.movers.loc["b", "after"] == "inactive"
    back = compare(ever, windowed, lifetime, inside)
    assert back.movers["before"].tolist() == ["inactive"]
    assert back.movers["frequency"].tolist() == [2]
    with pytest.raises(ValueError, match="give the profiles of both"):
        compare(inside, lifetime, windowed)
