"""A keyed hash decides who is held out."""

import hashlib
import hmac

import numpy as np
import pytest

from models.campaigns.assignment import KEY_BYTES, assign

KEY, CUSTOMERS = bytes(range(KEY_BYTES)), [f"c{number}" for number in range(20_000)]


def test_the_assignment_can_be_computed_by_anybody_who_has_the_key() -> None:
    found = assign(KEY, "spring", CUSTOMERS[:50], 0.3)
    for customer, out in zip(CUSTOMERS, found.held_out.tolist(), strict=False):
        digest = hmac.new(KEY, b"spring\0" + customer.encode(), hashlib.sha256).hexdigest()
        assert out == (int(digest[:16], 16) / 2**64 < 0.3)


def test_it_depends_neither_on_the_other_customers_nor_on_their_order() -> None:
    whole = dict(zip(CUSTOMERS, assign(KEY, "spring", CUSTOMERS, 0.1).held_out.tolist(), strict=True))
    some = CUSTOMERS[500:100:-3]
    assert assign(KEY, "spring", some, 0.1).held_out.tolist() == [whole[customer] for customer in some]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
def test_about_the_share_is_held_out(share: float) -> None:
    count = int(assign(KEY, "spring", CUSTOMERS, share).held_out.sum())
    error = np.sqrt(len(CUSTOMERS) * share * (1 - share))
    assert abs(count - share * len(CUSTOMERS)) < 4 * error


def test_another_key_and_another_campaign_hold_others_out() -> None:
    first = assign(KEY, "spring", CUSTOMERS, 0.5).held_out
    for other in (assign(KEY[::-1], "spring", CUSTOMERS, 0.5), assign(KEY, "autumn", CUSTOMERS, 0.5)):
        assert abs(float((first == other.held_out).mean()) - 0.5) < 0.02


def test_a_larger_share_holds_the_same_customers_out_and_more() -> None:
    small, large = (assign(KEY, "spring", CUSTOMERS, share).held_out for share in (0.1, 0.2))
    assert not (small & ~large).any()


def test_the_numbers_of_the_customers_are_their_order_by_hash() -> None:
    found = assign(KEY, "spring", CUSTOMERS[:100], 0.3)
    assert sorted(found.number.tolist()) == list(range(100))
    assert found.number[found.held_out].max() < found.number[~found.held_out].min()
