"""With a control key only its owner's ticks and models are accepted, and an older model can't be written again."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from data.contract.control import signed
from data.contract.wire import ModelActivation, Tick
from models.units import to_micros
from stream_app.core.columns import LONG_AGO
from stream_app.core.control import ControlRules
from stream_app.core.decode import MicroBatch, decode
from tests.support.builders import GOOD_TRANSACTION
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Record

KEY, OLD_KEY = b"a key of the clock and the operators", b"the key before it was changed"
MOMENT = datetime(2011, 5, 1, tzinfo=UTC)
TICK = msgspec.json.encode(Tick(MOMENT))
LATER = msgspec.json.encode(Tick(MOMENT + timedelta(days=400)))
MODEL = msgspec.json.encode(ModelActivation(a_model()))
RULES = ControlRules((KEY, OLD_KEY), "transactions", 3)


def record(value: bytes, number: int = 5, offset: int = 0, *, key: bytes = KEY, partition: int = 3) -> Record:
    return Record(offset, None, value, None, signed(key, "transactions", partition, number, value))


def decoded(*records: Record, rules: ControlRules = RULES, newest: int = 0) -> list[MicroBatch]:
    return decode(records, "GBP", control=rules, control_number=newest)


def test_without_a_key_anyone_may_write_control_records() -> None:
    batch, _ = decode([Record(0, None, MODEL), Record(1, None, TICK)], "GBP")
    assert batch.model is not None
    assert batch.control_number == 0


def test_signed_control_records_are_accepted_and_the_number_of_the_model_is_kept() -> None:
    batch, after = decoded(record(TICK, 5, 0), record(MODEL, 7, 1), record(LATER, 6, 2))
    assert [batch.dead_letters, after.dead_letters] == [[], []]
    assert batch.model == a_model()
    assert after.watermark == to_micros(MOMENT + timedelta(days=400))
    assert (batch.control_number, after.control_number) == (7, 7)


def test_every_key_is_accepted_while_it_is_changed() -> None:
    (batch,) = decoded(record(TICK, key=OLD_KEY))
    assert batch.watermark == to_micros(MOMENT)


@pytest.mark.parametrize("value", [TICK, MODEL])
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (lambda _: (), "is not signed"),
        (lambda value: signed(b"a guessed key", "transactions", 3, 5, value), "signature is not valid"),
        (lambda _: signed(KEY, "transactions", 3, 5, LATER), "signature is not valid"),
        (lambda value: signed(KEY, "transactions", 2, 5, value), "signature is not valid"),
        (lambda value: signed(KEY, "another", 3, 5, value), "signature is not valid"),
        (lambda value: [("segue-control-number", b"9"), signed(KEY, "transactions", 3, 5, value)[1]], "not valid"),
        (lambda value: [("segue-control-number", b"-5"), signed(KEY, "transactions", 3, 5, value)[1]], "not valid"),
        (lambda value: [("segue-control-number", b"9" * 5_000), ("segue-control-signature", b"\xff")], "not valid"),
        (lambda value: signed(KEY, "transactions", 3, 5, value)[:1], "is not signed"),
        (lambda value: [("segue-control-number", None), ("segue-control-signature", None)], "is not signed"),
    ],
)
def test_a_control_record_without_a_valid_signature_is_a_dead_letter(value, headers, reason) -> None:  # type: ignore[no-untyped-def]
    transaction = Record(1, b"c", msgspec.json.encode(GOOD_TRANSACTION))
    (batch,) = decoded(Record(0, None, value, None, headers(value)), transaction)
    (letter,) = batch.dead_letters
    assert (letter.offset, letter.kind) == (0, "control")
    assert reason in letter.reason
    assert (batch.model, batch.watermark, batch.control_number) == (None, LONG_AGO, 0)
    assert batch.transaction_id == ["T1"]


@pytest.mark.parametrize("newest", [5, 6])
def test_a_copy_of_an_older_model_is_a_dead_letter(newest: int) -> None:
    (batch,) = decoded(record(MODEL, 5), newest=newest)
    (letter,) = batch.dead_letters
    assert letter.kind == "control"
    assert "not newer than the model before it" in letter.reason
    assert (batch.model, batch.control_number) == (None, newest)


def test_a_copy_of_a_model_is_refused_within_one_list_of_records() -> None:
    first, again = decoded(record(MODEL, 5, 0), record(MODEL, 5, 1))
    assert first.model is not None
    assert again.model is None
    assert [letter.offset for letter in again.dead_letters] == [1]


def test_a_copy_of_an_older_tick_changes_nothing() -> None:
    (batch,) = decoded(record(LATER, 6, 0), record(TICK, 5, 1))
    assert batch.watermark == to_micros(MOMENT + timedelta(days=400))
    assert batch.dead_letters == []


def test_merged_batches_keep_the_newest_number() -> None:
    first, second = decoded(record(TICK, 1, 0), newest=4)[0], decoded(record(MODEL, 9, 1), newest=4)[0]
    first.extend(second)
    assert first.control_number == 9
    first.extend(MicroBatch(2, 3))
    assert first.control_number == 9


def test_a_valid_signature_does_not_lift_the_bounds() -> None:
    value = msgspec.json.encode(Tick(datetime(2109, 1, 1, tzinfo=UTC)))
    headers = signed(KEY, "transactions", 3, 5, value)
    (batch,) = decoded(Record(0, None, value, to_micros(MOMENT) // 1_000, headers))
    assert [letter.kind for letter in batch.dead_letters] == ["future"]
