"""Valid records whose sums no arithmetic would carry are dead letters, whatever the boundaries of the batches."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest

from stream_app.core.columns import Profiles
from stream_app.core.decode import decode
from stream_app.core.deduplicate import MOST_MONEY, MOST_PURCHASES
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import InMemoryPartition, Message, Record, logs

LARGEST = "999999999.9999"
CUTS: tuple[Sequence[int], ...] = ([], [2], [4, 5], range(2, 9))


def near_the_limits(column: str, room: int) -> tuple[InMemoryPartition, list[Record]]:
    """A stream whose customer ``c`` has ``room`` left before a limit, and the rest of its log."""
    limit = MOST_PURCHASES if column == "frequency" else MOST_MONEY
    messages: list[Message] = [transaction(1, 0), transaction(2, 1, "return", "1")]
    kind: Literal["sale", "return"] = "return" if column == "returned" else "sale"
    messages += [transaction(number, number, kind, LARGEST if number % 2 else "0.0001") for number in range(3, 7)]
    (log,) = logs([*messages, transaction(7, 8, customer="d"), tick(400)], 1)
    world = InMemoryPartition(recency_model()).run(log[:2])
    world.profiles["c"][column] = limit - room
    return world, log


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(("column", "room", "applied"), [("gross", 2, 2), ("returned", 2, 2), ("frequency", 3, 3)])
def test_a_record_beyond_a_limit_is_a_dead_letter_and_smaller_ones_are_applied(
    cuts: list[int], column: str, room: int, applied: int
) -> None:
    world, log = near_the_limits(column, room)
    starts = [2, *(cut for cut in cuts if cut > 2), len(log)]
    for start, stop in pairwise(starts):
        world.run(log[start:stop])
    limit = MOST_PURCHASES if column == "frequency" else MOST_MONEY
    assert world.profiles["c"][column] == limit
    assert len(world.dead_letters) == 4 - applied
    assert all("would exceed" in letter.reason for letter in world.dead_letters)
    assert "d" in world.profiles
    assert min(row.monetary for row in world.changes) >= 0
    assert {letter.offset for letter in world.dead_letters} == ({5} if column == "frequency" else {2, 4})


def test_the_limits_leave_room_in_all_arithmetic() -> None:
    columns = Profiles.new(["c"])
    gross, returned = columns.gross + MOST_MONEY, columns.returned + MOST_MONEY
    with np.errstate(over="raise"):
        assert (gross - returned).tolist() == [0]
    assert 10_000 * 10**13 + MOST_MONEY < 2**63


def test_a_batch_that_is_split_is_two_batches_as_if_each_had_been_decoded_alone() -> None:
    messages: list[Message] = [
        tick(5),
        transaction(1, 0),
        transaction(2, 3),
        tick(2),
        transaction(3, 4),
        tick(30),
        transaction(4, 9),
    ]
    (log,) = logs(messages, 1)
    log.insert(3, Record(99, b"k", b"nonsense"))
    log = [Record(offset, record.key, record.value) for offset, record in enumerate(log)]
    for count in range(1, len(log)):
        (whole,) = decode(log, "GBP")
        assert list(whole.split_at(count)) == [*decode(log[:count], "GBP"), *decode(log[count:], "GBP")]
