"""No content of a log makes decoding or the processor raise."""

import warnings
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.contract.wire import ModelActivation, Tick, Transaction
from models.segment_model import Segment, SegmentModel, build
from stream_app.core.decode import decode
from tests.support.poison import Poisoner
from tests.support.stored import a_model
from tests.support.streams import segment_models, streams
from tests.support.world import Message, Record, World, logs

GOOD = Transaction("T1", "c", datetime(2011, 5, 1, 12, tzinfo=UTC), "sale", "12.345", "GBP", "France", [])
FIELDS = msgspec.to_builtins(GOOD)

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80).map(str) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.none() | st.binary(max_size=10) | st.just(b"c")


@st.composite
def values(draw: st.DrawFn) -> bytes | None:
    """Random bytes, random JSON, and valid records with damage."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.none() | st.binary(max_size=100))
    if kind == 1:
        return msgspec.json.encode(draw(anything))
    whole = msgspec.json.encode(FIELDS | {draw(st.sampled_from([*FIELDS, "more"])): draw(anything)})
    if kind == 2:
        return whole[: draw(st.integers(0, len(whole)))]
    if kind == 3:
        place = draw(st.integers(0, len(whole)))
        return whole[:place] + draw(st.binary(max_size=4)) + whole[place + draw(st.integers(0, 4)) :]
    return whole


@given(st.lists(st.tuples(keys, values()), max_size=20))
@example([(b"c", msgspec.json.encode(FIELDS | {"currency": "\x00\ud7ff"}))])
@example([(b"c", msgspec.json.encode(FIELDS)[:-1] + b',"more":' + b"[" * 50_000 + b"]" * 50_000 + b"}")])
@settings(max_examples=300)
def test_any_record_is_decoded_or_becomes_a_dead_letter_with_a_storable_reason(
    contents: list[tuple[bytes | None, bytes | None]],
) -> None:
    records = [Record(offset, key, value) for offset, (key, value) in enumerate(contents)]
    batches = decode(records, "GBP")
    letters = [letter for batch in batches for letter in batch.dead_letters]
    decoded = {id(record) for batch in batches for record in batch.record}
    dead = {letter.offset for letter in letters}
    assert not dead & {record.offset for record in records if id(record) in decoded}
    assert len(dead) == len(letters)
    for letter in letters:
        assert letter.reason.isprintable()
        assert 0 < len(letter.reason) <= 500
        assert (letter.key, letter.value) == contents[letter.offset]
    assert sum(batch.records for batch in batches) == len(records)
    assert sum(batch.size for batch in batches) == sum(len(value or b"") for _, value in contents)


def test_an_amount_with_a_line_feed_behind_it_is_a_dead_letter() -> None:
    # `$` in a Python regular expression matches before a final line feed, and "123\n" is as long as four decimals.
    (batch,) = decode([Record(0, b"c", msgspec.json.encode(FIELDS | {"amount": "12.123\n"}))], "GBP")
    assert batch.amount == []
    assert "amount" in batch.dead_letters[0].reason


def test_a_model_that_postgres_cannot_store_is_a_dead_letter() -> None:
    spec = msgspec.to_builtins(ModelActivation(a_model()))
    spec["model"]["metadata"] = {"note": ["a\x00b"]}
    (batch,) = decode([Record(0, None, msgspec.json.encode(spec))], "GBP")
    assert batch.model is None
    assert "null character" in batch.dead_letters[0].reason


@pytest.mark.parametrize("seed", range(3))
def test_every_record_of_a_poisoned_stream_has_the_expected_outcome(seed: int) -> None:
    sent = Poisoner(seed, partitions=4).stream(600)
    for partition in range(4):
        own = [each for each in sent if each.partition == partition]
        records = [Record(offset, each.key, each.value) for offset, each in enumerate(own)]
        world = World(a_model(), partition, 4).run(records, cuts=range(50, len(records), 50))
        assert len(world.ledger) == sum(each.fate == "applied" for each in own)
        assert world.duplicates == sum(each.fate == "duplicate" for each in own)
        dead = [offset for offset, each in enumerate(own) if each.fate == "dead"]
        assert sorted(letter.offset for letter in world.dead_letters) == dead


number = st.floats(allow_nan=False, allow_infinity=False)
point = st.tuples(number, number, number)


@st.composite
def extreme_models(draw: st.DrawFn) -> SegmentModel:
    """Any valid model, however extreme its numbers."""
    scales = draw(st.tuples(*[st.floats(5e-324, 1.7e308, allow_nan=False)] * 3))
    centroids = draw(st.lists(point, min_size=1, max_size=4, unique=True))
    unique = list(dict.fromkeys(tuple(coordinate + 0.0 for coordinate in centroid) for centroid in centroids))
    segments = tuple(Segment(f"s{i}", "", "", "#000000", "", c) for i, c in enumerate(unique))  # type: ignore[arg-type]
    transform: Any = draw(st.sampled_from(["log1p", "identity"]))
    return build(draw(st.sampled_from(["net", "gross"])), transform, draw(point), scales, segments)


@given(streams(models=True), st.lists(extreme_models(), max_size=2), segment_models())
@settings(max_examples=150)
def test_no_model_and_no_moment_makes_the_processor_raise(
    messages: list[Message], extreme: list[SegmentModel], first: SegmentModel
) -> None:
    edges = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]
    records: list[Message] = [*messages]
    for model in extreme:
        records.insert(len(records) // 2, ModelActivation(model))
    for number, edge in enumerate(edges):
        records.append(
            msgspec.structs.replace(GOOD, transaction_id=f"E{number}", occurred_at=edge, amount="999999999.9999")
        )
        records.append(Tick(edge))
    with warnings.catch_warnings():
        # Extreme models overflow; every buyer must still have a segment, and the worker must continue.
        warnings.simplefilter("ignore", RuntimeWarning)
        world = World(first).run(logs(records, 1)[0], cuts=range(3, len(records), 7))
    assert world.progress.next_offset == len(records)
    assert all(row["segment"] is not None for row in world.profiles.values() if row["frequency"])
