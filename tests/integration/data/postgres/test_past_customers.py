"""Customers of a past moment, and who has ordered since, are what a loop over the messages finds."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import md5

import msgspec
import pytest
from sqlalchemy import Engine, text

from data.contract.wire import Tick, Transaction
from data.postgres import model_registry
from data.postgres.database import engine as connect
from data.postgres.past_customers import past_customers, rhythm_periods
from models.rhythm.carried import carrying
from models.units import from_micros
from tests.support.builders import recency_model
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message
from tests.support.postgres import new_database
from tests.support.predicted_by_hand import PastCustomer
from tests.support.predicted_by_hand import past_customers as by_hand
from tests.support.processed_stream import NOW, lived, messages, store
from tests.support.rhythm import a_rhythm

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def edited() -> list[Message]:
    """Orders of which some were cancelled since, some have become returns, and some happened at another moment."""
    sent = messages()
    orders = [each for each in sent if each.kind == "sale"]
    later: list[Message] = []
    for number, each in enumerate(orders[3::7]):
        changes: list[dict[str, object]] = [
            {"kind": "cancelled"},
            {"kind": "return"},
            {"occurred_at": each.occurred_at - 40 * DAY},
        ]
        later.append(msgspec.structs.replace(each, revision=1, **changes[number % 3]))
    return [*sent, *later, Tick(NOW)]


@pytest.fixture(scope="module")
def sent() -> list[Message]:
    return edited()


@pytest.fixture(scope="module")
def stream(sent: list[Message], postgres_server: str, migrated: str) -> Iterator[Engine]:
    with new_database(postgres_server, migrated) as url:
        postgres = connect(url)
        store(postgres, a_model(), lived(a_model(), sent))
        yield postgres
        postgres.dispose()


def read(postgres: Engine, begin: datetime, end: datetime, most: int = 20_000) -> list[PastCustomer]:
    with postgres.connect() as connection:
        found = past_customers(connection, begin, end, most)
    first, last, count = (part.tolist() for part in found.histories)
    rows = zip(first, last, count, found.ordered.tolist(), strict=True)
    return [PastCustomer(from_micros(one), from_micros(other), number, came) for one, other, number, came in rows]


@pytest.mark.parametrize("days_ago", [0, 1, 30, 90, 200, 400, 527, 600])
@pytest.mark.parametrize("days", [30, 90])
def test_customers_and_their_later_orders_are_those_of_the_messages(
    stream: Engine, sent: list[Message], days_ago: int, days: int
) -> None:
    begin = NOW - days_ago * DAY
    found = read(stream, begin, begin + days * DAY)
    expected = by_hand(sent, begin, begin + days * DAY)
    assert found == [expected[customer] for customer in sorted(expected)]


def test_an_order_at_the_moment_itself_had_happened_and_one_at_the_end_has(stream: Engine, sent: list[Message]) -> None:
    moments = [each.occurred_at for each in sent if isinstance(each, Transaction) and each.kind == "sale"]
    for begin in moments[40:200:20]:
        for end in moments[220:300:40]:
            expected = by_hand(sent, begin, end)
            assert read(stream, begin, end) == [expected[customer] for customer in sorted(expected)]


def test_an_order_at_the_very_end_has_happened_and_one_a_microsecond_later_has_not(
    stream: Engine, sent: list[Message]
) -> None:
    everybody = by_hand(sent, NOW, NOW)
    # One order only is between the two moments: the customer's last one.
    end = next(each.last for each in everybody.values() if each.orders > 1)
    begin = end - timedelta(microseconds=1)
    assert [each.came for each in read(stream, begin, end)].count(True) == 1
    assert [each.came for each in read(stream, begin - timedelta(microseconds=1), begin)].count(True) == 0


def test_of_many_customers_those_with_the_lowest_hash_of_their_id_stand_for_all(
    stream: Engine, sent: list[Message]
) -> None:
    begin = NOW - 90 * DAY
    expected = by_hand(sent, begin, NOW)
    chosen = sorted(expected, key=lambda each: md5(each.encode(), usedforsecurity=False).hexdigest())[:17]
    assert read(stream, begin, NOW, 17) == [expected[customer] for customer in sorted(chosen)]


def test_an_empty_database_has_nobody(postgres: Engine) -> None:
    assert read(postgres, NOW - 90 * DAY, NOW) == []
    with postgres.connect() as connection:
        assert rhythm_periods(connection, NOW - 90 * DAY, NOW) == []


def test_periods_are_those_of_rhythm_models_that_were_active_on_all_partitions(postgres: Engine) -> None:
    old, new = carrying(a_model(), a_rhythm()), recency_model()
    model_registry.register(postgres, old)
    model_registry.register(postgres, new)
    activate_one_after_the_other(postgres, old.version, new.version)
    with postgres.connect() as connection:
        (found,) = rhythm_periods(connection, NOW - 90 * DAY, NOW)
        assert (found.model_version, found.rhythm, found.since) == (old.version, a_rhythm(), None)
        # The partitions activated the next model at different moments: the period ends with the first one.
        assert found.until is not None
        assert from_micros(found.until) == NOW - 20 * DAY
        assert rhythm_periods(connection, NOW - 19 * DAY, NOW) == []


def activate_one_after_the_other(postgres: Engine, old: str, new: str) -> None:
    """Let two partitions activate the model ``new`` an hour after each other, 20 days ago."""
    with postgres.begin() as connection:
        for partition in range(2):
            at = NOW - 20 * DAY + partition * HOUR
            connection.execute(
                text(
                    "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, model_version, "
                    "model_since, event_time) VALUES (:partition, 'log', 1, 1, 'worker', :new, :at, :now)"
                ),
                {"partition": partition, "new": new, "at": at, "now": NOW},
            )
            connection.execute(
                text("INSERT INTO model_reigns (partition, until, model_version) VALUES (:partition, :at, :old)"),
                {"partition": partition, "at": at, "old": old},
            )
