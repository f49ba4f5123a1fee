"""Profiles that the database computes are those that pandas computes."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.dataset_frames import ask, profiles_of
from batch.profiles import profiles_as_of
from data.datasets import frames, synthetic
from data.datasets.cells import DataError
from tests.support.examples import examples
from tests.support.retail import retail


@pytest.mark.parametrize("days", [0, 1, 90, 400, 2_000])
def test_profiles_are_those_of_pandas_at_any_time(days: int) -> None:
    as_of = retail().report.first + timedelta(days=days, seconds=1)
    pd.testing.assert_frame_equal(profiles_of(retail(), as_of), profiles_as_of(retail().transactions, as_of))


@given(st.integers(1, 40), st.integers(7, 500), st.integers(0, 2**32), st.floats(0.0, 1.2))
@settings(max_examples=examples(20))
def test_profiles_of_any_shop_are_those_of_pandas(customers: int, days: int, seed: int, part: float) -> None:
    with frames.clean(synthetic.generate(customers=customers, days=days, seed=seed), "synthetic") as shop:
        as_of = shop.report.first + part * (shop.report.last - shop.report.first)
        pd.testing.assert_frame_equal(profiles_of(shop, as_of), profiles_as_of(shop.transactions, as_of))


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="as_of needs a time zone"):
        profiles_of(retail(), retail().report.last.replace(tzinfo=None))


def test_an_error_of_the_database_is_one_line() -> None:
    with pytest.raises(DataError, match=r"^[^\n]*$"):
        ask(retail(), "SELECT missing FROM transactions")
