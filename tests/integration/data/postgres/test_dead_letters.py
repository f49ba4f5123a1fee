"""Dead letters as operators ask for them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, text

from data.postgres import dead_letters
from data.postgres.database import engine
from data.postgres.tables import dead_letters as table
from runtime.errors import Hint, NotFoundError

ROWS = [
    ("old", 0, 7, "the currency is EUR", b"C1", b"{}"),
    ("new", 0, 7, "the record has no value", None, None),
    ("new", 1, 3, "the currency is EUR", b"C2", b"{}"),
    ("new", 1, 2, "100% wrong", b"C2", b"\x00\xff"),
]


@pytest.fixture
def postgres(migrated_url: str) -> Iterator[Engine]:
    connected = engine(migrated_url)
    names = ("log_id", "partition", "offset", "reason", "key", "value")
    with connected.begin() as connection:
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in ROWS])
    yield connected
    connected.dispose()


def test_a_dead_letter_is_found_by_partition_and_offset(postgres: Engine) -> None:
    letter = dead_letters.find(postgres, 1, 2, None)
    assert (letter.log_id, letter.key, letter.value, letter.id) == ("new", b"C2", b"\x00\xff", "1:2")


def test_an_offset_with_dead_letters_of_several_logs_needs_the_log_id(postgres: Engine) -> None:
    with pytest.raises(NotFoundError, match=r"several logs have a dead letter 0:7: (old, new|new, old)") as error:
        dead_letters.find(postgres, 0, 7, None)
    assert error.value.hint is Hint.NAME_THE_LOG
    assert dead_letters.find(postgres, 0, 7, "new").value is None
    with pytest.raises(NotFoundError, match="there is no dead letter 5:5"):
        dead_letters.find(postgres, 5, 5, None)


def test_dead_letters_are_counted_by_reason_and_by_whether_they_were_retried(postgres: Engine) -> None:
    assert tuple(dead_letters.by_reason(postgres, None)[0]) == ("the currency is EUR", 2, 0, 0)
    dead_letters.mark_retried(postgres, [dead_letters.find(postgres, 1, 3, None)])
    assert [tuple(row) for row in dead_letters.by_reason(postgres, "CURRENCY")] == [("the currency is EUR", 1, 1, 0)]
    assert dead_letters.find(postgres, 1, 3, None).retried_at is not None
    assert [letter.log_id for letter in dead_letters.waiting(postgres, "currency", 10)] == ["old"]


def test_waiting_ones_are_in_log_order_and_a_percent_sign_is_no_wildcard(postgres: Engine) -> None:
    places = [(each.log_id, each.id) for each in dead_letters.waiting(postgres, None, 10)]
    assert places == [("new", "0:7"), ("new", "1:2"), ("new", "1:3"), ("old", "0:7")]
    assert [each.id for each in dead_letters.waiting(postgres, "%", 10)] == ["1:2"]
    assert [row.size for row in dead_letters.newest(postgres, "no value", 10)] == [None]


def test_a_discarded_one_no_longer_waits_and_keeps_who_discarded_it_and_why(postgres: Engine) -> None:
    chosen = dead_letters.find(postgres, 1, 3, None)
    assert dead_letters.discard(postgres, [chosen], "a test shop") == 1
    assert dead_letters.discard(postgres, [chosen], "again") == 0
    assert [tuple(row) for row in dead_letters.by_reason(postgres, "currency")] == [("the currency is EUR", 1, 0, 1)]
    assert [each.log_id for each in dead_letters.waiting(postgres, "currency", 10)] == ["old"]
    letter = dead_letters.find(postgres, 1, 3, None)
    assert letter.discarded_at is not None
    assert (letter.discarded_why, letter.value) == ("a test shop", chosen.value)
    with postgres.connect() as connection:
        assert letter.discarded_by == connection.execute(text("SELECT session_user")).scalar_one()


def test_those_that_wait_are_discarded_by_a_part_of_their_reason(postgres: Engine) -> None:
    dead_letters.mark_retried(postgres, [dead_letters.find(postgres, 0, 7, "old")])
    assert dead_letters.discard_waiting(postgres, "CURRENCY", "a test shop") == 1
    assert dead_letters.discard_waiting(postgres, None, "all of them") == 2
    assert dead_letters.waiting(postgres, None, 10) == []
    assert dead_letters.find(postgres, 0, 7, "old").discarded_at is None
