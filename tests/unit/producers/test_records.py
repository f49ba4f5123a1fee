"""The records of a replay: every transaction, a tick at every midnight, and one at the end."""

import msgspec

from data.contract.wire import Transaction
from models.units import MICROS_PER_DAY, to_micros
from producers.dataset_contents import occurred_at
from producers.records import SectionPeriod, records, ticks
from producers.section import Section, between, missing, whole
from tests.support.retail import retail
from tests.support.sections import section
from tests.support.shop_rows import sale, shop


def _ticks(part: Section) -> list[int]:
    return [record.due for record in records(retail(), part) if record.key is None]


def test_every_record_comes_in_order_of_event_time_with_a_tick_at_every_midnight() -> None:
    part = section(retail(), 0, 2_000)
    sent = list(records(retail(), part))
    assert [record.due for record in sent] == sorted(record.due for record in sent)
    midnights = range((part.event_start // MICROS_PER_DAY + 1) * MICROS_PER_DAY, part.event_end + 1, MICROS_PER_DAY)
    assert _ticks(part) == sorted({*midnights, part.event_end})
    assert ticks(part) == len(_ticks(part))
    assert sent[-1].key is None
    decoded = msgspec.json.decode(sent[0].value, type=Transaction)
    assert (decoded.customer_id.encode(), to_micros(decoded.occurred_at)) == (sent[0].key, sent[0].due)


def test_a_part_that_begins_and_ends_at_midnight_has_each_tick_once() -> None:
    first = whole(retail()).event_start // MICROS_PER_DAY * MICROS_PER_DAY
    part = between(retail(), first + 10 * MICROS_PER_DAY, first + 20 * MICROS_PER_DAY)
    assert _ticks(part) == [first + day * MICROS_PER_DAY for day in range(11, 21)]
    assert ticks(part) == 10


def test_what_is_missing_behind_the_watermark_is_sent_without_a_tick_that_goes_back() -> None:
    everything = whole(retail())
    come = bytearray(b"\1" * everything.stop)
    come[5] = 0
    beyond = missing(everything, bytes(come), everything.event_end + MICROS_PER_DAY)
    assert [record.due for record in records(retail(), beyond)] == [int(occurred_at(retail())[5])]
    assert ticks(beyond) == 0


def test_a_later_period_has_other_ids_and_times_and_equal_content() -> None:
    part = section(retail(), 0, 50)
    shift = 700 * MICROS_PER_DAY
    later = Section(0, 50, part.event_start + shift, part.event_end + shift)
    first = [record for record in records(retail(), part) if record.key]
    second = [record for record in records(retail(), later, SectionPeriod(2, shift)) if record.key]
    for before, after in zip(first, second, strict=True):
        assert (after.key, after.due) == (before.key, before.due + shift)
        was, now = (msgspec.json.decode(record.value, type=Transaction) for record in (before, after))
        assert now.transaction_id == f"{was.transaction_id}~2"
        assert msgspec.structs.replace(now, transaction_id=was.transaction_id, occurred_at=was.occurred_at) == was


def test_an_invoice_comes_at_its_earliest_line_and_ties_come_in_the_order_of_ids() -> None:
    early, late = "2010-01-01 10:00", "2010-01-01 10:05"
    dataset = shop(sale("9", "C1", late, 5), sale("9", "C1", early, 7), sale("10", "C2", early, 3))
    sent = [msgspec.json.decode(each.value, type=Transaction) for each in records(dataset, whole(dataset)) if each.key]
    assert [(each.transaction_id, f"{each.occurred_at:%H:%M}") for each in sent] == [("10", "10:00"), ("9", "10:00")]
