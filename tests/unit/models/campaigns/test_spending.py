"""The chance of a false alarm is spent over the days, and no more than is allowed."""

import numpy as np
import pytest

from models.campaigns.spending import allowed, boundaries


@pytest.mark.parametrize(("horizon", "paths"), [(1, 2_000), (30, 2_000), (90, 500), (365, 2_000)])
def test_by_the_end_one_path_in_forty_may_have_crossed(horizon: int, paths: int) -> None:
    found = allowed(paths, horizon, horizon)
    assert found[-1] == paths // 40
    assert (np.diff(found) >= 0).all()


def test_what_is_allowed_on_a_day_does_not_depend_on_how_many_days_have_passed() -> None:
    assert allowed(2_000, 10, 30).tolist() == allowed(2_000, 30, 30)[:10].tolist()


@pytest.mark.parametrize("kind", ["walk", "equal", "few values"])
def test_no_more_paths_cross_than_are_allowed_on_any_day(kind: str) -> None:
    rng = np.random.default_rng(5)
    paths = np.abs(np.cumsum(rng.normal(size=(2_000, 30)), axis=1))
    if kind == "equal":
        paths = np.ones((2_000, 30))
    if kind == "few values":
        paths = np.round(paths / 4)
    allowances = allowed(2_000, 30, 30)
    crossed = np.cumsum(paths > boundaries(paths, allowances), axis=1) > 0
    assert (crossed.sum(axis=0) <= allowances).all()
    if kind == "walk":
        assert crossed[:, -1].sum() == allowances[-1]


def test_boundaries_of_days_that_have_passed_stay() -> None:
    paths = np.abs(np.cumsum(np.random.default_rng(5).normal(size=(2_000, 30)), axis=1))
    whole = boundaries(paths, allowed(2_000, 30, 30))
    assert boundaries(paths[:, :12], allowed(2_000, 12, 30)).tolist() == whole[:12].tolist()


def test_before_a_path_may_cross_nothing_can_be_said() -> None:
    found = boundaries(np.ones((100, 30)), allowed(100, 30, 30))
    assert np.isinf(found[0])
