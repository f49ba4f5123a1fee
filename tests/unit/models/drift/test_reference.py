"""A fit stores a reference of its customers in the model's metadata, without effect on the version."""

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.datasets.steady import moment, steady_shop
from models.drift.reference import METADATA_KEY, RECENT_DAYS, reference_of
from models.segment_model import SegmentModel, checked, from_json, to_json


@pytest.fixture(scope="module")
def profiles() -> pd.DataFrame:
    return profiles_as_of(steady_shop(3, days=1), moment(0))


@pytest.fixture(scope="module")
def model(profiles: pd.DataFrame) -> SegmentModel:
    return fit(profiles).model


def test_the_reference_counts_recent_customers_by_deciles(model: SegmentModel, profiles: pd.DataFrame) -> None:
    reference = reference_of(model)
    assert reference is not None
    recent = profiles[profiles["recency_days"] < RECENT_DAYS]
    assert reference.customers == len(recent)
    net = (recent["gross_units"] - recent["returned_units"]).clip(lower=0) / 10_000
    edges, binned = reference.bins("monetary")
    assert len(binned) == 10
    np.testing.assert_allclose(binned / binned.sum(), 0.1, atol=0.02)
    by_pandas = pd.cut(net, [-np.inf, *edges, np.inf], right=False).value_counts(sort=False)
    assert by_pandas.tolist() == binned.tolist()


def test_the_reference_has_the_segments_and_the_inertia_of_all_customers(
    model: SegmentModel, profiles: pd.DataFrame
) -> None:
    reference = reference_of(model)
    assert reference is not None
    assert reference.segments == model.metadata["sizes"]
    assert reference.inertia == pytest.approx(model.metadata["inertia"] / len(profiles))


def test_the_version_is_the_same_without_the_reference(model: SegmentModel) -> None:
    bare = replace(model, metadata={name: value for name, value in model.metadata.items() if name != METADATA_KEY})
    assert checked(bare).version == model.version
    assert reference_of(bare) is None


def test_the_reference_survives_json(model: SegmentModel) -> None:
    assert reference_of(from_json(to_json(model))) == reference_of(model)


def test_too_few_recent_customers_give_no_reference(profiles: pd.DataFrame) -> None:
    long_ago = profiles.assign(recency_days=profiles["recency_days"] + RECENT_DAYS)
    assert reference_of(fit(long_ago).model) is None


@pytest.mark.parametrize(
    "broken", [None, "a text", {}, {"edges": {}, "binned": {}, "segments": {}, "inertia": 1.0}, {"edges": [1]}]
)
def test_an_invalid_reference_is_ignored(model: SegmentModel, broken: object) -> None:
    assert reference_of(replace(model, metadata={METADATA_KEY: broken})) is None


def test_a_reference_with_a_wrong_number_of_bins_is_ignored(model: SegmentModel) -> None:
    found = dict(model.metadata[METADATA_KEY])
    found["binned"] = found["binned"] | {"monetary": [1, 2]}
    assert reference_of(replace(model, metadata={METADATA_KEY: found})) is None
