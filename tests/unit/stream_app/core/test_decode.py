"""Each bad record becomes a dead letter with a reason; the good records around it are applied."""

from datetime import UTC, datetime

import msgspec
import pytest

from data.contract.wire import Tick
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import decode
from tests.support.builders import GOOD_TRANSACTION, changed
from tests.support.in_memory_worker import Record


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"c", None, "no value"),
        (b"c", b"", "truncated"),
        (b"c", b"\x00\xff\xfe", "malformed"),
        (b"c", b'{"type":"transaction","transaction_id":"T1"', "truncated"),
        (b"c", b"[]", "object"),
        (b"c", changed(type="refund"), "refund"),
        (b"c", changed(kind="gift"), "kind"),
        (b"c", changed(amount=12.5), "amount"),
        (b"c", changed(amount="NaN"), "amount"),
        (b"c", changed(amount="-1"), "amount"),
        (b"c", changed(amount="1e300"), "amount"),
        (b"c", changed(amount="1.23456"), "amount"),
        (b"c", changed(amount="9999999999"), "amount"),
        (b"c", changed(occurred_at="2011-05-01T12:00:00"), "occurred_at"),
        (b"c", changed(occurred_at="soon"), "occurred_at"),
        (b"c", changed(occurred_at="9999-01-01T00:00:00Z"), "2200"),
        (b"c", changed(occurred_at="0001-01-01T00:00:00Z"), "1970"),
        (b"c", changed(transaction_id="a\x1fb"), "transaction_id"),
        (b"c", changed(transaction_id=""), "transaction_id"),
        (b"c", changed(customer_id="x" * 65), "customer_id"),
        (b"c", changed(currency="EUR"), "EUR"),
        (b"d", changed(), "key"),
        (None, changed(), "key"),
        (None, b'{"type":"tick","at":"9999-01-01T00:00:00Z"}', "2200"),
        (None, b'{"type":"model","model":{}}', "model"),
    ],
)
def test_a_bad_record_is_a_dead_letter_with_its_reason(key: bytes | None, value: bytes | None, reason: str) -> None:
    good = msgspec.json.encode(GOOD_TRANSACTION)
    (batch,) = decode([Record(7, b"c", good), Record(8, key, value), Record(9, b"c", good)], "GBP")
    (letter,) = batch.dead_letters
    assert (letter.offset, letter.key, letter.value) == (8, key, value)
    assert reason in letter.reason
    assert "\n" not in letter.reason
    assert not {word for word in ("regex", "Expected", "`$") if word in letter.reason}
    assert batch.transaction_id == ["T1", "T1"]
    assert (batch.first_offset, batch.next_offset) == (7, 10)


def test_money_and_moments_are_exact_integers() -> None:
    (batch,) = decode([Record(0, b"c", msgspec.json.encode(GOOD_TRANSACTION))], "GBP")
    assert batch.amount == [123_450]
    assert batch.occurred_at == [1_304_251_200_000_000]


def test_every_transaction_has_the_watermark_before_it() -> None:
    early, late = datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 1, 2, tzinfo=UTC)
    values = [GOOD_TRANSACTION, Tick(late), GOOD_TRANSACTION, Tick(early), GOOD_TRANSACTION]
    records = [Record(i, b"c", msgspec.json.encode(value)) for i, value in enumerate(values)]
    (batch,) = decode(records, "GBP")
    newest = 1_293_926_400_000_000
    assert batch.watermark_before == [LONG_AGO, newest, newest]
    assert batch.watermark == newest


def test_unknown_fields_are_ignored() -> None:
    (batch,) = decode([Record(0, b"c", changed(channel="web"))], "GBP")
    assert batch.dead_letters == []
