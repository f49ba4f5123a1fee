"""Records that are decoded together give the same batch as records that are looked at one by one."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from data.contract.control import signed
from data.contract.wire import Tick, TransactionHeader
from stream_app.core.control import ControlRules
from stream_app.core.decode import MicroBatch, decode
from stream_app.core.decode_columns import _Header
from tests.support.builders import GOOD_TRANSACTION, START, changed
from tests.support.in_memory_worker import Record

GOOD_IDS = ["c", "d", "x" * 64, "é 🛒", "\u2028\u200b", " "]
BAD_IDS = ["", "x" * 65, "a\x1fb", "a\nb", "c\n", "\x7f"]
GOOD_AMOUNTS = ["1", "0", "12.5", "007.50", "123456789.1234", "999999999.9999"]
BAD_AMOUNTS = ["", "1.", ".5", "-1", "1\n2", "12\n", "1.23456", "1234567890", "1e3", "\uff11", "\u0661"]
GOOD_MOMENTS = ["2011-05-01T12:00:00Z", "2011-05-01T12:00:00.123456+05:30", "1970-01-01T00:00:00Z"]
BAD_MOMENTS = ["2011-05-01T12:00:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "soon"]
# After it, all records before it are looked at one by one, too.
BAD = Record(0, None, b"{}")


@st.composite
def values(draw: st.DrawFn, good_only: bool) -> Record:
    """A transaction or a tick, good or bad in one or more ways."""

    def one_of(good: list[Any], bad: list[Any]) -> Any:
        return draw(st.sampled_from(good if good_only or draw(st.integers(0, 9)) else bad))

    timestamp = one_of([None, -1, 0, 1_304_251_200_000, 4_000_000_000_000], [1_000, 1_304_000_000_000])
    if draw(st.integers(0, 4)) == 0:
        tick = Tick(START + timedelta(days=draw(st.integers(0, 400))))
        return Record(0, None, msgspec.json.encode(tick), None if good_only else timestamp)
    fields = {
        "customer_id": one_of(GOOD_IDS, BAD_IDS),
        "transaction_id": one_of(GOOD_IDS, BAD_IDS),
        "country": one_of(GOOD_IDS, BAD_IDS),
        "amount": one_of(GOOD_AMOUNTS, [*BAD_AMOUNTS, 12.5, None]),
        "occurred_at": one_of(GOOD_MOMENTS, BAD_MOMENTS),
        "kind": one_of(["sale", "return", "cancelled"], ["gift"]),
        "revision": one_of([0, 2**53 - 1], [-1, 2**53, "1"]),
        "currency": one_of(["GBP"], ["EUR"]),
    }
    value = changed(**fields)
    if good_only:
        timestamp = draw(st.sampled_from([None, 4_000_000_000_000]))
    return Record(0, one_of([fields["customer_id"].encode()], [b"other", None]), value, timestamp)


def numbered(records: list[Record]) -> list[Record]:
    return [Record(at, record.key, record.value, record.timestamp) for at, record in enumerate(records)]


def together(records: list[Record]) -> MicroBatch:
    return decode(records, "GBP")[0]


def one_by_one(records: list[Record]) -> MicroBatch:
    """The batch of the records, decoded before a bad one, without it."""
    [batch] = decode([*records, Record(len(records), BAD.key, BAD.value)], "GBP")
    first, _ = batch.split_at(len(records))
    return first


@given(st.lists(values(good_only=False), min_size=1, max_size=6).map(numbered))
def test_any_records_give_the_same_batch_and_the_same_dead_letters_together(records: list[Record]) -> None:
    assert asdict(together(records)) == asdict(one_by_one(records))


@given(st.lists(values(good_only=True), min_size=1, max_size=6).map(numbered))
def test_good_records_give_the_same_batch_together(records: list[Record]) -> None:
    batch = together(records)
    assert batch.dead_letters == []
    assert asdict(batch) == asdict(one_by_one(records))


def test_ticks_among_transactions_must_be_signed_where_there_is_a_control_key() -> None:
    rules = ControlRules((b"key",), "topic", 0)
    value = msgspec.json.encode(Tick(START))
    good = Record(0, b"c", msgspec.json.encode(GOOD_TRANSACTION))
    headers = signed(b"key", "topic", 0, 1, value)
    for sent, refused in ((headers, 0), ([], 1)):
        [batch] = decode([good, Record(1, None, value, None, sent)], "GBP", control=rules)
        assert (len(batch.dead_letters), len(batch.ticks)) == (refused, 1 - refused)


def test_the_type_without_patterns_has_the_fields_and_defaults_of_the_wire() -> None:
    def described(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
        return [(field.name, field.default) for field in msgspec.structs.fields(struct)]

    assert described(_Header) == described(TransactionHeader)
