"""No customer worth much is missing from the list "At risk"."""

from datetime import UTC, datetime

import pytest

from batch.risk_evidence import silent_customers
from data.datasets.selection import default_cutoff
from models.rhythm.risk import RISK_STATES
from tests.support.retail import REAL, medium, retail

DAY = datetime(2011, 9, 1, tzinfo=UTC)


@pytest.mark.slow
def test_a_customer_who_is_silent_for_long_is_in_the_list_with_a_rank_of_their_own() -> None:
    shop = medium()
    now = shop.report.last
    found = silent_customers(shop, default_cutoff(shop), now, times=1.5)
    assert found.silent
    assert found.in_segment >= len(found.silent)
    ranks = [each.rank for each in found.silent]
    assert ranks == sorted({*ranks})
    assert ranks[-1] <= found.customers
    for each in found.silent:
        assert each.silent_days > 1.5 * each.gap_days
        assert each.at_stake > 0
        assert each.state in RISK_STATES[1:]


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_every_champion_who_broke_the_rhythm_is_in_the_list_and_most_are_on_its_first_pages() -> None:
    found = silent_customers(retail(), default_cutoff(retail()), DAY)
    assert found.in_segment == 701
    assert len(found.silent) == 28
    assert round(sum(each.spent for each in found.silent), -3) == 942_000
    assert sum(each.came_back for each in found.silent) == 12
    assert {each.state for each in found.silent} == {"overdue", "presumed_lost"}
    ranks = {each.customer_id: each.rank for each in found.silent}
    # A page of the list has 25 customers.
    assert ranks["17850"] == 3
    assert [sum(rank <= most for rank in ranks.values()) for most in (25, 50, 1_000)] == [13, 18, 28]
