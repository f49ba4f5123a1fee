"""Expiries, one by one: what happens at their exact moments."""

from datetime import timedelta

import msgspec
import pytest

from data.contract.change_row import ChangeRow
from data.contract.wire import Kind, ModelActivation, Tick, Transaction
from models.segment_model import Point, Segment, SegmentModel, build
from models.trailing_window import with_window
from models.units import to_micros
from stream_app.core.decode import decode
from tests.support.builders import START, tick, transaction
from tests.support.in_memory_worker import InMemoryPartition, Message, logs, run

WINDOW = 30
MICROSECOND = timedelta(microseconds=1)


def by_orders(few: float = 1.0, many: float = 3.0, window: int = WINDOW) -> SegmentModel:
    """``few`` and ``many`` orders; the border is half-way between, and belongs to few."""
    segments = (_segment("few", (0.0, few, 0.0)), _segment("many", (0.0, many, 0.0)))
    return with_window(build("net", "identity", (0.0, 0.0, 0.0), (1e9, 1.0, 1e9), segments), window)


def by_recency() -> SegmentModel:
    """Away from the 21st day on."""
    segments = (_segment("here", (0.0, 0.0, 0.0)), _segment("away", (41.9, 0.0, 0.0)))
    return with_window(build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1e9, 1e9), segments), WINDOW)


def by_money() -> SegmentModel:
    """Rich from 50 on."""
    segments = (_segment("poor", (0.0, 0.0, 0.0)), _segment("rich", (0.0, 0.0, 100.0)))
    return with_window(build("net", "identity", (0.0, 0.0, 0.0), (1e9, 1e9, 1.0), segments), WINDOW)


def _segment(name: str, centroid: Point) -> Segment:
    return Segment(name, name.title(), "", "#000000", "", centroid)


def revised(number: int, days: float, kind: Kind, revision: int = 1) -> Transaction:
    return msgspec.structs.replace(transaction(number, days, kind), revision=revision)


def applied(model: SegmentModel, *messages: Message) -> InMemoryPartition:
    """The worker after some messages in one batch, which must be as after each of them alone."""
    (together,), (alone,) = run(model, messages), run(model, messages, cuts=range(1, 100))
    assert together.changes == alone.changes
    assert together.profiles == alone.profiles
    return together


def moves(worker: InMemoryPartition) -> list[tuple[str, str, float]]:
    """Segment, cause and day of each change."""
    return [(row.to_segment, row.cause, _day(row)) for row in worker.changes]


def _day(row: ChangeRow) -> float:
    return (row.effective_at - to_micros(START)) / (86_400 * 1_000_000)


def test_each_purchase_expires_at_its_own_moment_and_the_last_one_makes_inactive() -> None:
    sent = [transaction(number, day) for number, day in enumerate((0, 1.25, 2.5, 3.75))]
    worker = applied(by_orders(), *sent, tick(100))
    assert moves(worker) == [
        ("few", "first_purchase", 0),
        ("many", "purchase", 2.5),
        ("few", "expiry", 31.25),
        ("inactive", "expiry", 33.75),
    ]
    assert [(row.frequency, row.gross, row.recency_days) for row in worker.changes] == [
        (1, 100_000, 0),
        (3, 300_000, 0),
        (2, 200_000, 27),
        (0, 0, 30),
    ]
    profile = worker.profiles["c"]
    assert (profile["frequency"], profile["gross"], profile["sequence"]) == (4, 400_000, 4)


def test_before_its_expiry_a_purchase_counts_and_at_its_expiry_it_does_not() -> None:
    for moment, segment in ((-MICROSECOND, "few"), (timedelta(), "inactive")):
        worker = applied(by_orders(), transaction(1, 0), Tick(START + timedelta(days=WINDOW) + moment))
        assert worker.profiles["c"]["segment"] == segment
        assert (worker.profiles["c"]["next_segment"] == "inactive") == (segment == "few")


def test_a_purchase_at_the_moment_of_an_expiry_comes_after_it() -> None:
    worker = applied(by_orders(), transaction(1, 0), transaction(2, WINDOW), tick(31))
    assert moves(worker) == [
        ("few", "first_purchase", 0),
        ("inactive", "expiry", WINDOW),
        ("few", "purchase", WINDOW),
    ]


def test_purchases_of_one_moment_expire_together() -> None:
    sent = [transaction(number, 0) for number in range(3)]
    worker = applied(by_orders(), *sent, tick(100))
    assert moves(worker)[2:] == [("inactive", "expiry", WINDOW)]
    assert worker.changes[-1].frequency == 0


def test_a_border_of_recency_at_the_moment_of_an_expiry_is_one_change_with_the_numbers_after_it() -> None:
    model = by_recency()
    worker = applied(model, transaction(1, -9), transaction(2, 0), tick(60))
    assert moves(worker)[1:] == [("away", "expiry", 21), ("inactive", "expiry", WINDOW)]
    assert worker.changes[1].frequency == 1
    a_day_later = applied(model, transaction(1, -8), transaction(2, 0), tick(60))
    assert moves(a_day_later)[1:] == [("away", "decay", 21), ("inactive", "expiry", WINDOW)]
    assert a_day_later.changes[1].frequency == 2


@pytest.mark.parametrize("orders", [(-9, 0), (-20, -9, 0)], ids=["the first expiry", "a later expiry"])
def test_the_next_change_at_such_a_moment_is_that_after_the_expiry(orders: tuple[float, ...]) -> None:
    # With two orders or more, away from the 21st day on; with one order few, whenever it was.
    segments = (
        _segment("here", (0.0, 200.0, 0.0)),
        _segment("away", (41.9, 200.0, 0.0)),
        _segment("few", (21.0, 100.0, 0.0)),
    )
    model = with_window(build("net", "identity", (0.0, 0.0, 0.0), (1.0, 0.01, 1e9), segments), WINDOW)
    worker = applied(model, *(transaction(number, day) for number, day in enumerate(orders)))
    profile = worker.profiles["c"]
    assert (profile["segment"], profile["next_segment"]) == ("here", "few")
    assert profile["next_change_at"] == to_micros(START + timedelta(days=21))


def test_the_moment_at_which_a_cancelled_order_would_have_expired_is_no_expiry() -> None:
    sent: list[Message] = [transaction(1, -9), transaction(2, 0), revised(1, -9, "cancelled"), tick(22)]
    assert moves(applied(by_recency(), *sent))[1:] == [("away", "decay", 21)]


def test_a_purchase_that_comes_later_than_its_expiry_counts_in_the_profile_only() -> None:
    late = transaction(2, -WINDOW, amount="99")
    worker = applied(by_orders(few=1.0, many=2.0), transaction(1, 0), late, tick(100))
    assert moves(worker) == [("few", "first_purchase", 0), ("inactive", "expiry", WINDOW)]
    assert worker.changes[-1].returned == 0
    assert worker.profiles["c"]["frequency"] == 2
    just = msgspec.structs.replace(late, occurred_at=late.occurred_at + MICROSECOND)
    in_time = applied(by_orders(few=1.0, many=2.0), transaction(1, 0), just, tick(100))
    assert [row.to_segment for row in in_time.changes] == ["few", "many", "few", "inactive"]
    assert in_time.changes[2].effective_at == in_time.changes[1].effective_at + 1


def test_a_customer_whose_first_purchase_comes_later_than_its_expiry_is_inactive_at_once() -> None:
    worker = applied(by_orders(), tick(100), transaction(1, 10))
    assert moves(worker) == [("inactive", "first_purchase", 100)]
    assert worker.profiles["c"]["next_segment"] is None


def test_a_cancelled_order_leaves_the_window_at_once_and_never_again() -> None:
    sent: list[Message] = [transaction(1, 0), transaction(2, 5), revised(1, 0, "cancelled")]
    worker = applied(by_orders(few=1.0, many=2.0), *sent, tick(100))
    assert moves(worker) == [
        ("few", "first_purchase", 0),
        ("many", "purchase", 5),
        ("few", "revision", 5),
        ("inactive", "expiry", 35),
    ]
    again = applied(by_orders(few=1.0, many=2.0), *sent, tick(20), revised(1, 10, "sale", 2), tick(100))
    assert moves(again)[3:] == [("many", "revision", 20), ("few", "expiry", 35), ("inactive", "expiry", 40)]


def test_a_revision_after_the_expiry_of_what_it_replaces_takes_nothing_out_of_the_window() -> None:
    sent: list[Message] = [transaction(1, 0), transaction(2, 20), tick(WINDOW), revised(1, 0, "cancelled"), tick(100)]
    worker = applied(by_orders(few=1.0, many=2.0), *sent)
    assert moves(worker)[2:] == [("few", "expiry", WINDOW), ("inactive", "expiry", 50)]


def test_a_revision_that_moves_an_order_moves_its_expiry() -> None:
    worker = applied(by_orders(), transaction(1, 10), revised(1, 4, "sale"), tick(100))
    assert moves(worker) == [("few", "first_purchase", 10), ("inactive", "expiry", 34)]


def test_a_customer_whose_orders_are_all_cancelled_is_inactive() -> None:
    worker = applied(by_orders(), transaction(1, 0), revised(1, 0, "cancelled"), tick(100))
    assert moves(worker)[1:] == [("inactive", "revision", 0)]


def test_a_return_expires_by_its_own_moment_and_brings_money_back() -> None:
    sent = [transaction(1, 5, amount="100"), transaction(2, 1, "return", "90")]
    worker = applied(by_money(), *sent, tick(100))
    assert moves(worker) == [
        ("rich", "first_purchase", 5),
        ("poor", "return", 5),
        ("rich", "expiry", 31),
        ("inactive", "expiry", 35),
    ]
    assert (worker.changes[2].gross, worker.changes[2].returned) == (1_000_000, 0)


def test_another_window_becomes_active_with_its_own_numbers() -> None:
    sent: list[Message] = [
        transaction(1, 0),
        transaction(2, 20),
        tick(40),
        ModelActivation(by_orders(many=2.0, window=50)),
        tick(200),
    ]
    worker = applied(by_orders(many=2.0), *sent)
    assert moves(worker)[2:] == [
        ("few", "expiry", WINDOW),
        ("many", "model", 40),
        ("few", "expiry", 50),
        ("inactive", "expiry", 70),
    ]


def test_a_stored_next_change_that_is_none_in_the_end_does_not_stay_due() -> None:
    sent = [transaction(number, day) for number, day in enumerate((0, 1, 2, 3, 4, 5))]
    (worker,) = run(by_orders(), sent)
    # The first expiry leaves five orders, which are many.
    in_vain = START + timedelta(days=WINDOW)
    worker.profiles["c"]["next_change_at"] = to_micros(in_vain)
    worker.apply(decode(logs([Tick(in_vain)], 1)[0], "GBP")[0])
    assert worker.profiles["c"]["segment"] == "many"
    assert worker.profiles["c"]["next_change_at"] == to_micros(in_vain + timedelta(days=3))


def test_a_customer_with_hundreds_of_orders_in_the_window_leaves_it_order_by_order() -> None:
    sent = [transaction(number, number / 100) for number in range(800)]
    worker = applied(by_orders(few=100.0, many=500.0), *sent, tick(WINDOW + 6), tick(100))
    assert moves(worker) == [
        ("few", "first_purchase", 0),
        ("many", "purchase", 3.0),
        ("few", "expiry", WINDOW + 4.99),
        ("inactive", "expiry", WINDOW + 7.99),
    ]
