"""A stream without a model keeps profiles; its first model, a record of the log, gives everybody a first segment."""

from data.contract.wire import ModelActivation, Tick
from models.decay import NEVER
from models.units import to_micros
from tests.support.builders import START, recency_model, tick, transaction
from tests.support.in_memory_worker import InMemoryPartition, Message, run

MODEL = recency_model()


def world(*messages: Message) -> InMemoryPartition:
    (only,) = run(None, messages)
    return only


def test_without_a_model_purchases_count_ticks_let_time_pass_and_nobody_has_a_segment() -> None:
    collected = world(transaction(1, 0), transaction(2, 3), transaction(3, 4, "return"), tick(50))
    (profile,) = collected.profiles.values()
    assert (profile["frequency"], profile["gross"], profile["returned"]) == (2, 200_000, 100_000)
    assert (profile["segment"], profile["next_change_at"], profile["sequence"]) == (None, NEVER, 0)
    assert profile["model_version"] is None
    assert collected.changes == []
    assert collected.progress.watermark == to_micros(tick(50).at)


def test_the_first_model_gives_everybody_a_first_segment_with_a_cause_of_its_own() -> None:
    changed = world(transaction(1, 0), tick(30), transaction(2, 31, customer="d"), ModelActivation(MODEL)).changes
    assert [(row.customer_id, row.sequence, row.from_segment, row.to_segment, row.cause) for row in changed] == [
        ("c", 1, None, "away", "first_model"),
        ("d", 1, None, "here", "first_model"),
    ]
    # As of the watermark at which the model came, or the customer's own last event.
    assert [row.effective_at for row in changed] == [to_micros(tick(30).at), to_micros(tick(31).at)]
    assert [row.transaction_id for row in changed] == [None, None]


def test_after_the_first_model_time_and_purchases_move_customers_as_always() -> None:
    later = world(
        transaction(1, 0),
        tick(30),
        ModelActivation(MODEL),
        tick(90),
        transaction(2, 91),
        transaction(3, 91, customer="d"),
    )
    assert [(row.customer_id, row.to_segment, row.cause) for row in later.changes] == [
        ("c", "away", "first_model"),
        ("c", "lost", "decay"),
        ("c", "here", "purchase"),
        ("d", "here", "first_purchase"),
    ]


def test_a_customer_who_only_returned_goods_has_no_segment_after_the_first_model_either() -> None:
    only = world(transaction(1, 0, "return"), Tick(START), ModelActivation(MODEL))
    assert only.changes == []
    assert only.profiles["c"]["model_version"] == MODEL.version
