"""Which changes the topic holds behind the published position, in whatever order Postgres commits them again."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from stream_app.outbox.changes_ahead import ChangesAhead, Held
from stream_app.storage.outbox import ChangeKey
from tests.support.committed_changes import change


def read(rows: list[ChangeRow], last_published: ChangeKey | None = None) -> ChangesAhead:
    ahead = ChangesAhead(last_published)
    for row in rows:
        ahead.add(change_event(row, {}))
    return ahead


ABA = [change("a", 1), change("b", 1), change("a", 2)]


def test_only_changes_behind_the_last_published_one_are_ahead() -> None:
    ahead = read(ABA, ChangeKey("b", 1))
    assert ahead.found
    assert (len(ahead), ahead.last_sequence("a"), ahead.last_sequence("b")) == (1, 2, 0)
    assert [ahead.pop(row) for row in ABA] == [Held.DIFFERENT, Held.NO, Held.SAME]


def test_without_a_last_published_change_all_changes_are_ahead() -> None:
    ahead = read(ABA, ChangeKey("c", 1))
    assert not ahead.found
    assert len(ahead) == 3


@given(st.lists(st.sampled_from("abc"), max_size=20), st.randoms())
def test_every_change_of_the_topic_is_recognised_once_in_any_order_of_customers(
    customers: list[str], random: Random
) -> None:
    rows = _numbered(customers)
    shuffled = list(customers)
    random.shuffle(shuffled)
    ahead = read(rows)
    later = _numbered([*shuffled, "a", "b", "c"])
    held = [ahead.pop(row) for row in later]
    assert held == [Held.SAME] * len(rows) + [Held.NO] * 3
    assert len(ahead) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"to_segment": "y"},
        {"from_segment": "y"},
        {"cause": "purchase"},
        {"effective_at": 7},
        {"recency_days": 7},
        {"frequency": 7},
        {"monetary": 7},
        {"model_version": "n"},
        {"transaction_id": "t"},
    ],
)
def test_any_other_content_is_noticed(other: dict[str, Any]) -> None:
    row = change("a", 1)
    assert read([row]).pop(row._replace(**other)) is Held.DIFFERENT


def test_a_change_that_is_missing_in_the_topic_is_noticed() -> None:
    ahead = read([change("a", 1), change("a", 3)])
    assert [ahead.pop(change("a", sequence)) for sequence in (1, 2, 3, 4)] == [
        Held.SAME,
        Held.DIFFERENT,
        Held.SAME,
        Held.NO,
    ]


def test_what_the_outbox_has_is_dropped() -> None:
    ahead = read([*ABA, change("a", 3)])
    ahead.drop("a", 2)
    ahead.drop("nobody", 2)
    assert len(ahead) == 2
    assert ahead.pop(change("a", 3)) is Held.SAME
    ahead.drop("b", 9)
    assert (len(ahead), list(ahead.customers)) == (0, [])


def test_records_that_are_not_changes_are_counted_and_ignored() -> None:
    ahead = ChangesAhead(None)
    for event in (None, b"", b"{}", b'{"type": "segue.something.else.v1", "data": {}}', b"\xff"):
        ahead.add(event)
    assert (len(ahead), ahead.foreign, ahead.last) == (0, 5, None)


def _numbered(customers: list[str]) -> list[ChangeRow]:
    return [change(customer, customers[: at + 1].count(customer)) for at, customer in enumerate(customers)]
