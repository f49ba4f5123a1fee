"""A time in the future, measured against the record's own Kafka timestamp, is a dead letter."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import msgspec
import pytest

from data.contract.wire import Tick
from models.units import to_micros
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import decode
from tests.support.builders import GOOD_TRANSACTION, changed
from tests.support.in_memory_worker import Record

WRITTEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def at(moment: datetime, offset: int = 0, written: datetime | None = WRITTEN) -> Record:
    timestamp = None if written is None else to_micros(written) // 1_000
    return Record(offset, b"c", changed(occurred_at=moment.isoformat()), timestamp)


def tick_at(moment: datetime, offset: int = 0, written: datetime | None = WRITTEN) -> Record:
    timestamp = None if written is None else to_micros(written) // 1_000
    return Record(offset, None, msgspec.json.encode(Tick(moment)), timestamp)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (datetime(2109, 6, 1, tzinfo=UTC), "83 years after it was written to Kafka: more than SEGUE_MAX_AHEAD allows"),
        (datetime(2101, 5, 2, tzinfo=UTC), "75 years after"),
        (WRITTEN + 3 * DAY, "3 days after"),
        (WRITTEN + DAY + timedelta(hours=5), "29 hours after"),
        (WRITTEN + DAY + timedelta(microseconds=1), "24 hours after"),
    ],
)
def test_a_transaction_from_the_future_is_a_dead_letter(moment: datetime, reason: str) -> None:
    (batch,) = decode([at(moment, 7)], "GBP", DAY)
    (letter,) = batch.dead_letters
    assert (letter.offset, letter.kind) == (7, "future")
    assert letter.reason.startswith("the transaction happened ")
    assert reason in letter.reason
    assert batch.transaction_id == []


def test_a_tick_from_the_future_is_a_dead_letter_and_moves_no_watermark() -> None:
    (batch,) = decode([tick_at(datetime(2109, 6, 1, tzinfo=UTC))], "GBP", DAY)
    (letter,) = batch.dead_letters
    assert letter.reason == (
        "the tick is 83 years after it was written to Kafka: more than SEGUE_MAX_AHEAD allows (1 day)"
    )
    assert (letter.kind, batch.watermark) == ("future", LONG_AGO)


def test_a_time_at_the_bound_or_in_the_past_is_applied() -> None:
    moments = [WRITTEN + DAY, WRITTEN, WRITTEN - 17 * 365 * DAY]
    (batch,) = decode([at(moment, offset) for offset, moment in enumerate(moments)], "GBP", DAY)
    assert batch.occurred_at == [to_micros(moment) for moment in moments]
    assert batch.dead_letters == []


def test_a_larger_setting_allows_more() -> None:
    (batch,) = decode([tick_at(datetime(2109, 5, 1, tzinfo=UTC))], "GBP", timedelta(days=40_000))
    assert batch.watermark == to_micros(datetime(2109, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize("timestamp", [None, -1])
def test_without_a_timestamp_only_the_fixed_bounds_apply(timestamp: int | None) -> None:
    value = msgspec.json.encode(Tick(datetime(2109, 5, 1, tzinfo=UTC)))
    too_late = msgspec.json.encode(Tick(datetime(2201, 1, 1, tzinfo=UTC)))
    (batch,) = decode([Record(0, None, value, timestamp), Record(1, None, too_late, timestamp)], "GBP", DAY)
    assert batch.watermark == to_micros(datetime(2109, 5, 1, tzinfo=UTC))
    assert [(letter.offset, letter.kind) for letter in batch.dead_letters] == [(1, "invalid")]


@pytest.mark.parametrize("year", [9999, 2101, 2109, 1899])
def test_a_mistyped_year_is_a_dead_letter_whatever_the_other_records_are(year: int) -> None:
    wrong = GOOD_TRANSACTION.occurred_at.replace(year=year)
    for order in permutations([GOOD_TRANSACTION.occurred_at, wrong, WRITTEN]):
        (batch,) = decode([at(moment, offset) for offset, moment in enumerate(order)], "GBP", DAY)
        assert [letter.offset for letter in batch.dead_letters] == [order.index(wrong)]
