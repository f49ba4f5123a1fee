"""A segment model carries a rhythm model: readers get it back whole, or none at all."""

import msgspec

from models.rhythm.carried import KEPT_KEY, METADATA_KEY, carrying, keeping, rhythm_of
from models.segment_model import from_json, to_json
from tests.support.generated_tables import a_model
from tests.support.rhythm import a_rhythm


def test_a_model_carries_a_rhythm_model_through_json_under_the_same_version() -> None:
    carrier = carrying(a_model(), a_rhythm())
    assert carrier.version == a_model().version
    assert rhythm_of(from_json(to_json(carrier))) == a_rhythm()


def test_a_model_without_a_rhythm_model_carries_none() -> None:
    assert rhythm_of(a_model()) is None
    assert keeping(a_model(), a_model()) == a_model()


def test_a_rhythm_model_that_was_edited_or_is_none_is_not_used() -> None:
    carrier = carrying(a_model(), a_rhythm())
    edited: list[object] = ["text", {}, carrier.metadata[METADATA_KEY] | {"lost_below": 0.2}]
    for broken in edited:
        assert rhythm_of(msgspec.structs.replace(carrier, metadata={METADATA_KEY: broken})) is None


def test_a_kept_rhythm_model_names_the_model_that_it_was_fitted_with() -> None:
    first = carrying(a_model(), a_rhythm())
    second = keeping(msgspec.structs.replace(a_model(), version="k3-000000000000"), first)
    assert rhythm_of(second) == a_rhythm()
    assert keeping(a_model(), second).metadata[KEPT_KEY] == first.version
