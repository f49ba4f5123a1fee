"""A refit keeps names: with other seeds, on shifted data, and with another number of segments."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.fit import fit
from batch.profiles import features, profiles_as_of
from models.compare import segment_ids
from models.personas import is_good
from models.segment_model import SegmentModel
from tests.support.retail import REAL, retail


def profiles(days_before_the_end: int = 0) -> pd.DataFrame:
    transactions = retail().transactions
    end = transactions["occurred_at"].max() + timedelta(days=1 - days_before_the_end)
    return profiles_as_of(transactions, end)


@cache
def everybody() -> pd.DataFrame:
    return profiles()


def refitted(customers: pd.DataFrame, **how: Any) -> SegmentModel:
    """A fit with few initialisations."""
    return fit(customers, n_init=2, **how).model


@cache
def champion(k: int = 5) -> SegmentModel:
    return refitted(everybody(), k=k)


def slower(customers: pd.DataFrame) -> pd.DataFrame:
    """All recencies grow by two months."""
    return customers.assign(recency_days=customers["recency_days"] + 60)


def dearer(customers: pd.DataFrame) -> pd.DataFrame:
    """All prices rise by a tenth."""
    money = {name: customers[name] * 11 // 10 for name in ("gross_units", "returned_units")}
    return customers.assign(**money)


def half(customers: pd.DataFrame) -> pd.DataFrame:
    """Every other customer is removed."""
    return customers.sample(frac=0.5, random_state=1)


def ids(model: SegmentModel) -> list[str]:
    return [segment.id for segment in model.segments]


@pytest.mark.parametrize("seed", range(3))
def test_another_seed_gives_every_customer_the_same_name(seed: int) -> None:
    refit = refitted(everybody(), seed=seed, champion=champion())
    assert ids(refit) == ids(champion())
    assert np.mean(segment_ids(everybody(), refit) == segment_ids(everybody(), champion())) > 0.9
    assert refit.metadata["named_after"] == champion().version


@pytest.mark.parametrize("shift", [slower, dearer, half])
@pytest.mark.parametrize("k", [3, 5])
def test_customers_keep_their_names_when_all_of_them_shift(
    shift: Callable[[pd.DataFrame], pd.DataFrame], k: int
) -> None:
    shifted = shift(everybody())
    refit = refitted(shifted, k=k, champion=champion(k))
    assert ids(refit) == ids(champion(k))
    same = segment_ids(shifted, refit) == segment_ids(everybody(), champion(k))[shifted.index]
    assert np.mean(same) > 0.75


@pytest.mark.parametrize("days", [120, 365])
@pytest.mark.parametrize("k", [4, 5, 6])
def test_alignment_never_renames_more_customers_than_naming_without_a_champion(days: int, k: int) -> None:
    past = profiles(days)
    of_champion = segment_ids(past, champion(k))

    def agreement(refit: SegmentModel) -> float:
        return float(np.mean(segment_ids(past, refit) == of_champion))

    assert agreement(refitted(past, k=k, champion=champion(k))) >= agreement(refitted(past, k=k)) - 0.02


@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_alignment_keeps_the_names_of_a_year_ago_where_naming_alone_would_not() -> None:
    past = profiles(374)
    assert ids(refitted(past, champion=champion())) == ids(champion())
    assert ids(refitted(past)) != ids(champion())


def test_a_champion_with_another_transform_is_ignored() -> None:
    classic = refitted(everybody(), monetary="gross", transform="identity")
    refit = refitted(everybody(), champion=classic)
    assert refit == champion()
    assert refit.metadata["named_after"] is None


def test_a_champion_with_another_recency_unit_is_ignored() -> None:
    refit = refitted(everybody(), recency_unit=60.0, champion=champion())
    assert refit == refitted(everybody(), recency_unit=60.0)
    assert refit.metadata["named_after"] is None
    again = refitted(everybody(), recency_unit=60.0, seed=1, champion=refit)
    assert again.metadata["named_after"] == refit.version


def test_a_robust_scaler_uses_median_and_quartiles_and_gives_the_same_names() -> None:
    result = fit(everybody(), scaler="robust")
    logged = features(everybody(), "net").transform(np.log1p)
    low, middle, high = (logged.quantile(q) for q in (0.25, 0.5, 0.75))
    np.testing.assert_allclose(result.model.means, middle)
    np.testing.assert_allclose(result.model.scales, high - low)
    of_pipeline = result.pipeline.predict(features(everybody(), "net").to_numpy())
    assert segment_ids(everybody(), result.model).tolist() == [ids(result.model)[number] for number in of_pipeline]
    good = np.array([is_good(segment) for segment in result.summary.index])
    assert result.summary.loc[good, "recency"].max() < result.summary.loc[~good, "recency"].min()
    assert result.summary["monetary"].idxmax() == "champions"


def test_a_refit_in_a_window_keeps_its_names_and_leaves_out_inactive_customers() -> None:
    transactions = retail().transactions
    end = transactions["occurred_at"].max()
    inside = [profiles_as_of(transactions, end - timedelta(days=days), 180) for days in (0, 30)]
    first = refitted(inside[1], window_days=180, recency_unit=60.0)
    again = refitted(inside[0], window_days=180, recency_unit=60.0, champion=first)
    assert again.metadata["named_after"] == first.version
    assert ids(again)[-1] == ids(first)[-1] == "inactive"
    assert again.metadata["sizes"]["inactive"] == int((inside[0]["frequency"] == 0).sum()) > 0
    bought = inside[0][inside[0]["frequency"] > 0]
    without = refitted(bought, recency_unit=60.0)
    assert without.means == again.means
    assert again.metadata["reference"]["segments"]["inactive"] == again.metadata["sizes"]["inactive"]
    # Centroids of another window are in another space.
    assert refitted(inside[0], window_days=180, champion=champion()).metadata["named_after"] is None
