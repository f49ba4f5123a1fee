"""Posted transactions are checked by the worker's rules, and every reason is given."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.checking import BodyError, check

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = {
    "transaction_id": "t1",
    "customer_id": "c1",
    "occurred_at": "2026-03-01T11:00:00Z",
    "kind": "sale",
    "amount": "12.50",
    "currency": "GBP",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=70) | st.integers(-(10**20), 10**20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "lines", "x"]), inner),
    max_leaves=12,
)


def reasons(transaction: dict[str, Any]) -> list[str]:
    accepted, refused = check(msgspec.json.encode(transaction), "GBP", DAY, NOW)
    assert len(accepted) + len(refused) == 1
    return refused[0].reasons if refused else []


def test_a_revision_is_in_the_record_only_if_it_was_sent() -> None:
    accepted, _ = check(msgspec.json.encode([GOOD, GOOD | {"revision": 3, "kind": "cancelled"}]), "GBP", DAY, NOW)
    assert b"revision" not in accepted[0].value
    assert msgspec.json.decode(accepted[1].value)["revision"] == 3
    assert reasons(GOOD | {"revision": -1}) == ["`revision`: Expected `int` >= 0"]


def test_a_valid_transaction_becomes_a_record_with_the_customer_as_key() -> None:
    accepted, refused = check(msgspec.json.encode(GOOD), "GBP", DAY, NOW)
    assert not refused
    assert accepted[0].key == b"c1"
    assert msgspec.json.decode(accepted[0].value)["type"] == "transaction"


def test_a_list_is_checked_item_by_item() -> None:
    accepted, refused = check(msgspec.json.encode([GOOD, GOOD | {"amount": 1}, GOOD]), "GBP", DAY, NOW)
    assert len(accepted) == 2
    assert [(refusal.index, refusal.transaction_id) for refusal in refused] == [(1, "t1")]


def test_every_wrong_and_missing_field_is_named() -> None:
    found = reasons({"transaction_id": "", "kind": "gift", "amount": 12.5, "currency": "GBP"})
    assert len(found) == 5
    for name in ("transaction_id", "customer_id", "occurred_at", "kind", "amount"):
        assert any(f"`{name}`" in reason for reason in found)
    assert "regex" not in " ".join(found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "-1.00"}, "decimal string"),
        ({"amount": "1,50"}, "decimal string"),
        ({"amount": "0.00001"}, "decimal string"),
        ({"amount": "10000000000"}, "decimal string"),
        ({"customer_id": "x" * 65}, "64 characters"),
        ({"customer_id": "a\n"}, "control characters"),
        ({"currency": "EUR"}, "EUR, not GBP"),
        ({"occurred_at": "2026-03-05T00:00:00Z"}, "SEGUE_MAX_AHEAD"),
        ({"occurred_at": "1969-03-05T00:00:00Z"}, "1970"),
        ({"occurred_at": "2026-03-01T11:00:00"}, "timezone"),
        ({"kind": "refund"}, "refund"),
        ({"type": "tick"}, "tick"),
        ({"lines": [{"stock_code": 5}]}, "stock_code"),
    ],
)
def test_what_the_worker_would_refuse_is_refused(change: dict[str, Any], reason: str) -> None:
    assert reason in " ".join(reasons(GOOD | change))


@pytest.mark.parametrize("body", [b"[]", b"[", b"[" * 100_000, b"[1,", msgspec.json.encode([GOOD] * 5_001)])
def test_a_body_that_is_no_list_of_transactions_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BodyError):
        check(body, "GBP", DAY, NOW)


@given(JSON)
def test_any_json_is_accepted_or_refused_with_a_reason(value: Any) -> None:
    try:
        accepted, refused = check(msgspec.json.encode(value), "GBP", DAY, NOW)
    except BodyError:
        return
    assert len(accepted) + len(refused) == (len(value) if isinstance(value, list) else 1)
    assert all(refusal.reasons for refusal in refused)


@given(st.binary(max_size=200))
def test_any_bytes_are_accepted_or_refused_with_a_reason(body: bytes) -> None:
    try:
        _, refused = check(body, "GBP", DAY, NOW)
    except BodyError:
        return
    assert refused
