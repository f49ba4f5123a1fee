import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from batch.choose_k import KS, STABLE, Effort, KChoice, choose_k, k_curve
from batch.fit import FitError, fit
from models.segment_model import from_json, to_json
from models.units import Floats


def blobs(centres: int, spread: float, count: int = 900) -> Floats:
    rng = np.random.default_rng(2)
    places = np.array([(8.0 * (i % 3), 8.0 * (i // 3), 3.0 * (i % 2)) for i in range(centres)])
    return places[rng.integers(0, centres, count)] + rng.normal(scale=spread, size=(count, 3))


def shop(points: Floats) -> pd.DataFrame:
    """Customers whose log-transformed features are these points."""
    raw = np.expm1(points - points.min(axis=0) + 1) if len(points) else points
    moment = pd.Timestamp("2011-01-01", tz="UTC")
    return pd.DataFrame(
        {
            "recency_days": raw[:, 0].astype("int64"),
            "frequency": raw[:, 1].astype("int64") + 1,
            "gross_units": (raw[:, 2] * 10_000).astype("int64"),
            "returned_units": 0,
            "first_purchase_at": moment,
            "last_purchase_at": moment,
        }
    )


@pytest.mark.parametrize(
    "centres", [3, pytest.param(4, marks=pytest.mark.slow), 5, pytest.param(6, marks=pytest.mark.slow)]
)
def test_the_true_number_of_groups_is_chosen(centres: int) -> None:
    choice = choose_k(shop(blobs(centres, 0.4) / 2))
    assert choice.k == centres
    assert choice.curve["stability"].loc[centres] > 0.99
    assert choice.reason.startswith(f"k = {centres}: ")
    assert "\n" not in choice.reason


@pytest.mark.slow
def test_the_curve_has_the_measures_of_scikit_learn() -> None:
    points = blobs(4, 2.0)
    curve = k_curve(points, seed=42, progress=lambda k: None)
    assert curve.index.tolist() == list(KS)
    assert curve["inertia"].is_monotonic_decreasing
    fitted = KMeans(4, n_init=10, random_state=42).fit(points)
    assert curve["inertia"].loc[4] == pytest.approx(fitted.inertia_)
    assert curve["silhouette"].between(-1, 1).all()
    assert (curve["davies_bouldin"] > 0).all()
    assert curve["stability"].between(-0.5, 1).all()


@pytest.mark.slow
def test_an_unstable_knee_is_replaced_by_a_stable_k() -> None:
    # A single cloud of points has no structure that would make a partition stable.
    choice = choose_k(shop(np.random.default_rng(1).normal(size=(600, 3))))
    stable = choice.curve.index[choice.curve["stability"] >= STABLE]
    assert choice.k in stable or not len(stable)
    assert f"{choice.curve['stability'].loc[choice.k]:.2f}" in choice.reason


@pytest.mark.slow
def test_the_same_customers_give_the_same_choice_and_progress_has_every_k() -> None:
    customers, seen = shop(blobs(4, 1.0)), list[int]()
    first, second = choose_k(customers, progress=seen.append), choose_k(customers)
    assert seen == list(KS)
    assert first.reason == second.reason
    pd.testing.assert_frame_equal(first.curve, second.curve)


@pytest.mark.slow
def test_the_model_keeps_the_curve_and_the_reason() -> None:
    customers = shop(blobs(4, 1.0))
    choice = choose_k(customers)
    model = from_json(to_json(fit(customers, k=choice.k, metadata=choice.metadata).model))
    assert model.metadata["chosen_because"] == choice.reason
    assert [row["k"] for row in model.metadata["k_curve"]] == list(KS)
    assert model.metadata["k_curve"][2]["inertia"] == choice.curve["inertia"].loc[4]


def test_few_customers_limit_the_values_of_k() -> None:
    choice: KChoice = choose_k(shop(blobs(2, 0.1, count=3)))
    assert choice.curve.index.tolist() == [2, 3]
    assert np.isnan(choice.curve["davies_bouldin"].loc[3])
    assert choice.metadata["k_curve"][1]["silhouette"] is None


def test_a_single_customer_is_refused() -> None:
    with pytest.raises(FitError, match="at least 2 different customers, but there are 1"):
        choose_k(shop(blobs(2, 0.1, count=1)))


@pytest.mark.slow
def test_very_many_customers_are_sampled() -> None:
    customers = shop(blobs(4, 0.4, count=3_000) / 2)
    everybody = choose_k(customers)
    sampled = choose_k(customers, effort=Effort(customers=300))
    assert sampled.k == everybody.k == 4
    assert sampled.curve["inertia"].loc[4] < everybody.curve["inertia"].loc[4]
