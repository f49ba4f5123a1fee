import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.pipeline import sklearn_pipeline
from models.scoring import assign, monetary_value, off_axis_distances, transformed, untransformed
from models.segment_model import (
    RECENCY_UNITS,
    ModelError,
    SegmentModel,
    Transform,
    build,
    from_json,
    from_registry,
    to_json,
)
from tests.support.builders import MEANS, SCALES, random_model, random_profiles, segments_at

COORDINATES = st.floats(-5, 5)
POINTS = st.tuples(COORDINATES, COORDINATES, COORDINATES)
THE_INACTIVE = msgspec.structs.replace(segments_at((9, 0, 0))[0], id="inactive")
IN_A_WINDOW = (*segments_at((0, 0, 0)), THE_INACTIVE)
TRANSFORMS: list[Transform] = ["log1p", "identity"]


@st.composite
def models(draw: st.DrawFn) -> SegmentModel:
    centroids = draw(st.lists(POINTS, min_size=1, max_size=10, unique=True))
    scale = st.floats(1e-3, 1e4)
    return build(
        draw(st.sampled_from(["net", "gross"])),
        draw(st.sampled_from(TRANSFORMS)),
        draw(POINTS),
        (draw(scale), draw(scale), draw(scale)),
        segments_at(*centroids),
        draw(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=3)),
        draw(st.sampled_from([1.0, 60.0]) | st.floats(*RECENCY_UNITS)),
    )


@given(models())
def test_a_model_survives_json(model: SegmentModel) -> None:
    assert from_json(to_json(model)) == model


def test_the_version_does_not_depend_on_metadata() -> None:
    segments = segments_at((0, 0, 0), (1, 1, 1))
    one, same = (build("net", "log1p", (1, 2, 3), (1, 1, 1), segments, {"seed": seed}) for seed in (1, 2))
    assert one.version == same.version
    assert one.version.startswith("k2-")


def test_equal_numbers_have_equal_versions_however_they_are_written() -> None:
    # JSON does not distinguish 0 from 0.0, nor Postgres 0.0 from -0.0.
    plain = build("net", "log1p", (0.0, 1.0, 2.0), (1.0, 1.0, 1.0), segments_at((0.0, 1.0, 0.0)))
    assert build("net", "log1p", (-0.0, 1, 2), (1, 1, 1), segments_at((0, 1, -0.0))) == plain
    text = to_json(build("net", "log1p", (-0.0, 1, 2), (1, 1, 1), segments_at((0, 1, -0.0))))
    assert from_json(text) == from_json(text.replace(b"0.0", b"0").replace(b"1.0", b"1")) == plain


@pytest.mark.parametrize(
    "other",
    [
        {"monetary": "gross"},
        {"transform": "identity"},
        {"means": (1.0, 2.0, 3.0000001)},
        {"scales": (1.0, 1.0, 2.0)},
        {"segments": segments_at((1, 1, 1), (0, 0, 0))},
        {"recency_unit": 60.0},
        {"segments": (*segments_at((0, 0, 0), (1, 1, 1)), THE_INACTIVE), "window_days": 365},
    ],
)
def test_another_definition_has_another_version(other: dict[str, Any]) -> None:
    definition: dict[str, Any] = {
        "monetary": "net",
        "transform": "log1p",
        "means": (1.0, 2.0, 3.0),
        "scales": (1.0, 1.0, 1.0),
        "segments": segments_at((0, 0, 0), (1, 1, 1)),
    }
    assert build(**definition).version != build(**{**definition, **other}).version


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"segments": ()}, "at least one segment"),
        ({"segments": (*segments_at((0, 0, 0)), *segments_at((1, 1, 1)))}, "same id"),
        ({"segments": segments_at((0, 0, 0), (1, 0, 0), (0, 0, 0))}, "same centroid"),
        ({"segments": segments_at((0, math.nan, 0))}, "finite"),
        ({"means": (0, math.inf, 0)}, "finite"),
        ({"scales": (1, 0, 1)}, "greater than 0"),
        ({"scales": (1, 1, -2)}, "greater than 0"),
        ({"recency_unit": 0}, "recency unit must be from 0.01 to 100,000 days"),
        ({"recency_unit": 100_001}, "recency unit must be from 0.01 to 100,000 days"),
        ({"recency_unit": math.nan}, "recency unit must be from 0.01 to 100,000 days"),
        ({"window_days": 0, "segments": IN_A_WINDOW}, "a window has from 1 to 36,500 days, not 0"),
        ({"window_days": 36_501, "segments": IN_A_WINDOW}, "a window has from 1 to 36,500 days"),
        ({"window_days": 365}, "must be inactive"),
        ({"window_days": 365, "segments": IN_A_WINDOW[::-1]}, "must be inactive"),
        ({"window_days": 365, "segments": (THE_INACTIVE,)}, "must be inactive"),
    ],
)
def test_numbers_that_form_no_valid_model_are_refused(other: dict[str, Any], reason: str) -> None:
    definition: dict[str, Any] = {"means": (0, 0, 0), "scales": (1, 1, 1), "segments": segments_at((0, 0, 0))}
    with pytest.raises(ModelError, match=reason):
        build("net", "log1p", **{**definition, **other})


def test_a_model_with_a_recency_unit_of_one_is_written_as_before_there_were_units() -> None:
    model = build("net", "log1p", (1, 2, 3), (1, 1, 1), segments_at((0, 0, 0)))
    # The version and the bytes of this model in the last release without recency units.
    assert model.version == "k1-97f432d5c984"
    fields = ["version", "monetary", "transform", "means", "scales", "segments", "metadata"]
    assert list(json.loads(to_json(model))) == fields
    written = from_json(to_json(model)[:-1] + b',"recency_unit":1}')
    assert to_json(written) == to_json(msgspec.structs.replace(written, recency_unit=float("1"))) == to_json(model)


def test_workers_that_do_not_know_recency_units_refuse_a_model_that_has_one() -> None:
    spec = json.loads(to_json(build("net", "log1p", (1, 2, 3), (1, 1, 1), segments_at((0, 0, 0)), recency_unit=60)))
    assert spec.pop("recency_unit") == 60
    with pytest.raises(ModelError, match="was it edited"):
        from_json(json.dumps(spec))


def test_workers_that_do_not_know_windows_refuse_a_model_that_has_one() -> None:
    model = build("net", "log1p", (1, 2, 3), (1, 1, 1), IN_A_WINDOW, window_days=365)
    assert from_json(to_json(model)) == model
    spec = json.loads(to_json(model))
    assert spec.pop("window_days") == 365
    with pytest.raises(ModelError, match="was it edited"):
        from_json(json.dumps(spec))


def test_models_that_differ_in_the_days_of_their_window_have_different_versions() -> None:
    versions = {
        build("net", "log1p", (1, 2, 3), (1, 1, 1), IN_A_WINDOW, recency_unit=unit, window_days=days).version
        for days in (7, 60, 365)
        for unit in (1, 7, 60, 365)
    }
    assert len(versions) == 12


def test_text_that_is_not_a_model_is_refused() -> None:
    good = json.loads(to_json(random_model("log1p", 3, seed=1)))
    for text in (b"", b"{", b"[]", b"{}", b"null", b"\xff"):
        with pytest.raises(ModelError, match="not a segment model"):
            from_json(text)
    for field in good.keys() - {"metadata"}:
        with pytest.raises(ModelError, match="not a segment model"):
            from_json(json.dumps({name: value for name, value in good.items() if name != field}))


@pytest.mark.parametrize(
    ("field", "value"), [("colour", "#0A1B2C"), ("colour", "red"), ("id", "At Risk"), ("id", ""), ("centroid", [0, 0])]
)
def test_a_malformed_segment_is_refused(field: str, value: Any) -> None:
    spec = json.loads(to_json(random_model("log1p", 3, seed=1)))
    spec["segments"][1][field] = value
    with pytest.raises(ModelError, match="not a segment model"):
        from_json(json.dumps(spec))


def test_an_edited_model_is_refused() -> None:
    spec = json.loads(to_json(random_model("log1p", 3, seed=1)))
    spec["scales"][0] *= 1.01
    with pytest.raises(ModelError, match="was it edited"):
        from_json(json.dumps(spec))


def test_an_unknown_field_is_ignored() -> None:
    model = random_model("log1p", 3, seed=1)
    assert from_json(json.dumps({**json.loads(to_json(model)), "added_later": 1})) == model


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("k", [1, 2, 5, 10])
@pytest.mark.parametrize("unit", [1.0, 7.0, 60.0])
def test_the_scorer_agrees_with_scikit_learn(transform: Transform, k: int, unit: float) -> None:
    recency, frequency, monetary = random_profiles(20_000, seed=k)
    model = random_model(transform, k, k, unit)
    expected = sklearn_pipeline(model).predict(np.column_stack([recency, frequency, monetary]))
    np.testing.assert_array_equal(assign(model, recency, frequency, monetary), expected)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_features_are_transformed_and_standardised_exactly(transform: Transform) -> None:
    model = random_model(transform, 2, seed=1)
    _, _, money = random_profiles(1_000, seed=2)
    shape = math.log1p if transform == "log1p" else float
    expected = [(shape(amount) - MEANS[transform][2]) / SCALES[transform][2] for amount in money.tolist()]
    np.testing.assert_allclose(transformed(model, 2, money), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_recency_is_divided_by_its_unit_and_comes_back_in_days(transform: Transform) -> None:
    model, days = random_model(transform, 2, 1, 60.0), np.arange(1_000)
    shape = math.log1p if transform == "log1p" else float
    expected = [(shape(day / 60) - model.means[0]) / model.scales[0] for day in days.tolist()]
    places = transformed(model, 0, days)
    np.testing.assert_allclose(places, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(untransformed(model, 0, places), days, rtol=1e-12, atol=1e-12)


def test_a_customer_on_a_border_is_in_the_segment_with_the_lower_number() -> None:
    centroids = [(0.0, 0.0, 0.0), (8.0, 0.0, 0.0), (0.0, 4.0, 0.0)]
    one, two = np.array([1]), np.array([2])
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        model = build("net", "identity", (0, 0, 0), (1, 1, 1), segments_at(*(centroids[i] for i in order)))
        between_0_and_1 = assign(model, np.array([4]), 0 * one, np.zeros(1))
        between_0_and_2 = assign(model, np.array([0]), two, np.zeros(1))
        assert between_0_and_1.tolist() == [min(order.index(0), order.index(1))]
        assert between_0_and_2.tolist() == [min(order.index(0), order.index(2))]


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.sampled_from(TRANSFORMS), st.integers(1, 10))
def test_scoring_together_equals_scoring_alone_bit_for_bit(seed: int, count: int, transform: Transform, k: int) -> None:
    recency, frequency, monetary = random_profiles(count, seed)
    model = random_model(transform, k, seed)
    together = off_axis_distances(model, frequency, monetary)
    alone = [off_axis_distances(model, frequency[i : i + 1], monetary[i : i + 1]) for i in range(count)]
    assert together.tobytes() == np.concatenate(alone).tobytes()
    recencies = [transformed(model, 0, recency[i : i + 1]) for i in range(count)]
    assert transformed(model, 0, recency).tobytes() == np.concatenate(recencies).tobytes()
    # A view with strides, like a column of a table.
    strided = np.column_stack([monetary, monetary])[:, 0]
    assert transformed(model, 2, strided).tobytes() == transformed(model, 2, monetary).tobytes()


def test_net_money_is_floored_at_zero_and_gross_money_ignores_returns() -> None:
    model = random_model("log1p", 2, seed=1)
    gross, returned = np.array([120_000, 50_000, 0]), np.array([20_001, 60_000, 10])
    assert monetary_value(model, gross, returned).tolist() == [9.9999, 0.0, 0.0]
    gross_model = msgspec.structs.replace(model, monetary="gross")
    assert monetary_value(gross_model, gross, returned).tolist() == [12.0, 5.0, 0.0]


def large(segments: int, **changes: object) -> dict[str, Any]:
    """The JSON of a model with some number of segments; its version is not right."""
    one = {"name": "n", "description": "", "colour": "#000000", "action": ""} | changes
    names = [one | {"id": f"s{number}", "centroid": [number, 0, 0]} for number in range(segments)]
    fields = {"version": "k", "monetary": "net", "transform": "identity", "means": [0, 0, 0], "scales": [1, 1, 1]}
    return fields | {"segments": names}


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: json.dumps(large(101)), "at most 100 segments"),
        (lambda: json.dumps(large(100_000)), "at most 100 segments, not 100,000"),
        (lambda: json.dumps(large(1, name="n" * 1_001)), "more than 1,000 characters"),
        (lambda: json.dumps(large(1, action="n" * 5_000_000)), "more than 1,000 characters"),
        (lambda: json.dumps(large(1) | {"metadata": {"note": "n" * 1_000_001}}), "at most 1,000,000 bytes"),
        (lambda: json.dumps(large(1) | {"metadata": 0}).replace(": 0}", f": {nested(33)}}}"), "at most 32 levels"),
        (lambda: json.dumps(large(1) | {"metadata": 0}).replace(": 0}", f": {nested(977)}}}"), "levels|recursion"),
        (lambda: json.dumps(large(1) | {"metadata": 0}).replace(": 0}", f": {nested(100_000)}}}"), "levels|recursion"),
    ],
)
def test_a_model_that_is_too_large_is_refused_in_little_memory(make: Callable[[], str], reason: str) -> None:
    text = make()
    tracemalloc.start()
    with pytest.raises(ModelError, match=reason):
        from_json(text)
    assert tracemalloc.get_traced_memory()[1] < 10 * len(text) + 1_000_000
    tracemalloc.stop()


def test_a_stored_model_with_metadata_beyond_the_limits_still_loads() -> None:
    model = build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), segments_at((0.0, 0.0, 0.0)))
    spec = to_json(model).decode()
    for levels in (40, 977, 100_000):
        assert from_registry(spec, nested(levels)) == model
    assert from_registry(spec, '{"k":3}').metadata == {"k": 3}
