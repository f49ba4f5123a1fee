"""The state of webhooks in Postgres: one process at a time, one log at a time, and atomic."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from data.postgres import webhooks
from data.postgres.database import engine
from data.postgres.webhooks import AbandonedChange, OtherChangesError, SavedOffset, TakenOverError
from runtime.topics import ChangeKind

NONE_WAITING: frozenset[int] = frozenset()
LETTER = AbandonedChange("c:1", 3, b"{}", "400 Bad Request", 1)


@pytest.fixture
def postgres(migrated_url: str) -> Iterator[Engine]:
    made = engine(migrated_url)
    yield made
    made.dispose()


def test_the_first_claim_begins_at_the_given_offset_and_later_ones_at_the_saved_one(postgres: Engine) -> None:
    first = webhooks.claim(postgres, "crm", "log", [10, 20])
    assert first.offsets == {0: SavedOffset(10, NONE_WAITING), 1: SavedOffset(20, NONE_WAITING)}
    webhooks.save(postgres, first, {1: SavedOffset(25, frozenset({21, 23}))}, [])
    again = webhooks.claim(postgres, "crm", "log", [99, 99])
    assert again.offsets == {0: SavedOffset(10, NONE_WAITING), 1: SavedOffset(25, frozenset({21, 23}))}


def test_another_log_is_read_from_its_beginning(postgres: Engine) -> None:
    webhooks.claim(postgres, "crm", "log", [10])
    assert webhooks.claim(postgres, "crm", "another log", [5]).offsets == {0: SavedOffset(0, NONE_WAITING)}


@pytest.mark.parametrize(("used", "asked"), [("segments", "risk"), ("risk", "segments")])
def test_a_webhook_that_delivers_changes_of_one_kind_never_delivers_those_of_the_other(
    postgres: Engine, used: ChangeKind, asked: ChangeKind
) -> None:
    first = webhooks.claim(postgres, "crm", "log", [10], used)
    webhooks.save(postgres, first, {0: SavedOffset(12, NONE_WAITING)}, [])
    names = {"segments": "segment changes", "risk": "risk changes"}
    said = f"the webhook 'crm' delivers {names[used]}, and can't deliver {names[asked]}"
    for log_id in ("log", "another log"):
        with pytest.raises(OtherChangesError, match=said):
            webhooks.claim(postgres, "crm", log_id, [99], asked)
    # The refused claim has fenced nobody.
    webhooks.save(postgres, first, {0: SavedOffset(13, NONE_WAITING)}, [])
    assert webhooks.claim(postgres, "crm", "log", [99], used).offsets == {0: SavedOffset(13, NONE_WAITING)}
    assert webhooks.next_offsets(postgres, "log", used) == {"crm": {0: 13}}
    assert webhooks.next_offsets(postgres, "log", asked) == {}
    assert [row.changes for row in webhooks.overview(postgres)] == [used]


def test_webhooks_are_independent_of_each_other(postgres: Engine) -> None:
    first = webhooks.claim(postgres, "crm", "log", [10])
    second = webhooks.claim(postgres, "shop", "log", [20])
    webhooks.save(postgres, first, {0: SavedOffset(11, NONE_WAITING)}, [LETTER], {0: 5})
    webhooks.save(postgres, second, {0: SavedOffset(21, NONE_WAITING)}, [])
    overview = [(row.webhook, row.read, row.waiting, row.dead, row.delivered) for row in webhooks.overview(postgres)]
    assert overview == [("crm", 11, 0, 1, 5), ("shop", 21, 0, 0, 0)]


def test_deliveries_are_counted_over_restarts_and_with_retries(postgres: Engine) -> None:
    first = webhooks.claim(postgres, "crm", "log", [0, 0])
    webhooks.save(postgres, first, {0: SavedOffset(4, NONE_WAITING), 1: SavedOffset(9, NONE_WAITING)}, [], {0: 4, 1: 8})
    again = webhooks.claim(postgres, "crm", "log", [0, 0])
    webhooks.save(postgres, again, {0: SavedOffset(5, NONE_WAITING)}, [LETTER], {0: 1})
    assert [row.delivered for row in webhooks.overview(postgres)] == [13]
    webhooks.mark_delivered(postgres, "crm", [("c:1", 3)])
    assert [row.delivered for row in webhooks.overview(postgres)] == [14]
    assert webhooks.next_offsets(postgres, "log") == {"crm": {0: 5, 1: 9}}
    assert webhooks.next_offsets(postgres, "another") == {}


def test_a_process_whose_webhook_was_claimed_by_another_saves_nothing(postgres: Engine) -> None:
    earlier = webhooks.claim(postgres, "crm", "log", [10])
    later = webhooks.claim(postgres, "crm", "log", [10])
    with pytest.raises(TakenOverError, match="another process delivers for the webhook 'crm'"):
        webhooks.save(postgres, earlier, {0: SavedOffset(11, NONE_WAITING)}, [LETTER])
    assert webhooks.newest_abandoned(postgres, "crm", 9) == []
    webhooks.save(postgres, later, {0: SavedOffset(12, NONE_WAITING)}, [])
    assert webhooks.claim(postgres, "crm", "log", [10]).offsets == {0: SavedOffset(12, NONE_WAITING)}


def test_a_change_that_fails_again_is_stored_once_with_the_last_reason(postgres: Engine) -> None:
    webhooks.set_aside(postgres, "crm", [LETTER])
    webhooks.mark_delivered(postgres, "crm", [("c:1", 3)])
    assert [tuple(row) for row in webhooks.abandoned_by_reason(postgres, "crm")] == [("400 Bad Request", 0, 1)]
    webhooks.set_aside(postgres, "crm", [LETTER._replace(reason="410 Gone", attempts=2)])
    [row] = webhooks.newest_abandoned(postgres, "crm", 9)
    assert (row.customer_id, row.sequence, row.reason, row.attempts) == ("c:1", 3, "410 Gone", 2)


def test_a_delivered_change_is_not_found_for_another_retry(postgres: Engine) -> None:
    webhooks.set_aside(postgres, "crm", [LETTER])
    webhooks.mark_delivered(postgres, "crm", [("c:1", 3)])
    with pytest.raises(LookupError, match=r"c:1:3 was delivered at .*; nothing is left to send"):
        webhooks.find_abandoned(postgres, "crm", "c:1", 3)


def test_dead_letters_are_paged_in_order_and_end_with_those_that_were_there(postgres: Engine) -> None:
    letters = [LETTER._replace(customer_id=customer, sequence=number) for customer in "ba" for number in (10, 2)]
    webhooks.set_aside(postgres, "crm", letters)
    moment = webhooks.now(postgres)
    webhooks.set_aside(postgres, "crm", [LETTER._replace(customer_id="late")])
    found, after = [], ("", 0)
    while page := webhooks.abandoned_before(postgres, "crm", moment, after, 3):
        found += [letter[:2] for letter in page]
        after = found[-1]
    assert found == [("a", 2), ("a", 10), ("b", 2), ("b", 10)]


def test_a_missing_dead_letter_is_an_error(postgres: Engine) -> None:
    webhooks.set_aside(postgres, "crm", [LETTER])
    assert webhooks.find_abandoned(postgres, "crm", "c:1", 3) == b"{}"
    with pytest.raises(LookupError, match="there is no abandoned change c:1:4"):
        webhooks.find_abandoned(postgres, "crm", "c:1", 4)
