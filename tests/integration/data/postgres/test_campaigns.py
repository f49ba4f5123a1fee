"""Campaigns and their customers in Postgres, and what these did since."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import IntegrityError

from data.postgres import campaign_outcomes, campaigns
from data.postgres.campaigns import Campaign
from data.postgres.progress import watermark
from data.postgres.tables import campaign_members, customers
from data.postgres.tables import campaigns as table
from models.campaigns.assignment import assign
from models.segment_model import SegmentModel
from tests.support.campaigns import add_order, set_event_time, store_campaign
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, insert_rows


@pytest.fixture
def filled(postgres: Engine) -> Engine:
    """A migrated database with the customers of a stream."""
    model: SegmentModel = a_model()
    insert_rows(postgres, model, a_stream(model))
    return postgres


def test_the_customers_are_frozen_with_the_group_that_the_stored_key_gives_and_their_segment(filled: Engine) -> None:
    stored = store_campaign(filled)
    with filled.connect() as connection:
        members = campaigns.members(connection, "spring")
        key = connection.execute(select(table.c.key)).scalar_one()
        now = dict(connection.execute(select(customers.c.customer_id, customers.c.segment)).all())
        assert campaigns.listed(connection) == [campaigns.find(connection, "spring")]
    drawn = assign(bytes(key), "spring", [member.customer_id for member in members], 0.3)
    assert [member.held_out for member in members] == drawn.held_out.tolist()
    assert (stored.treated, stored.held_out) == (int((~drawn.held_out).sum()), int(drawn.held_out.sum()))
    assert {member.customer_id: member.segment for member in members} == now


def test_a_name_is_taken_once(filled: Engine) -> None:
    store_campaign(filled)
    with pytest.raises(IntegrityError):
        store_campaign(filled)


def test_only_what_happened_in_whole_days_after_the_start_counts(filled: Engine) -> None:
    campaign = store_campaign(filled, days_ago=3)
    start, tick = campaign.started_at, timedelta(microseconds=1)
    with filled.connect() as connection:
        first, second, *_ = (member.customer_id for member in campaigns.members(connection, "spring"))
    add_order(filled, first, "before", start, "5")
    add_order(filled, first, "at once", start + tick, "10")
    add_order(filled, first, "last of day 1", start + timedelta(days=1), "20")
    add_order(filled, first, "day 2", start + timedelta(days=1) + tick, "7.5", "return")
    add_order(filled, second, "gone", start + timedelta(hours=1), "99", "cancelled")
    add_order(filled, second, "day 3", start + timedelta(days=3), "1")
    add_order(filled, second, "day 4", start + timedelta(days=3) + tick, "1000")
    with filled.connect() as connection:
        found = campaign_outcomes.outcomes(connection, campaign, EVENT_TIME)
        rows = campaign_outcomes.customer_rows(connection, campaign, EVENT_TIME, 10)
    cells = zip(found.customer.tolist(), found.day.tolist(), found.orders.tolist(), found.money.tolist(), strict=True)
    assert sorted(cells) == [(0, 1, 2, 30.0), (0, 2, 0, -7.5), (1, 3, 1, 1.0)]
    assert found.days == 3
    done = {row["customer_id"]: (row["orders"], float(row["net_spend"])) for row in rows.to_dict("records")}
    assert (done[first], done[second]) == ((2, 22.5), (1, 1.0))
    assert len(rows) == 10


def test_nothing_after_the_horizon_counts(filled: Engine) -> None:
    campaign = store_campaign(filled, days_ago=10, horizon=2)
    with filled.connect() as connection:
        customer = campaigns.members(connection, "spring")[0].customer_id
    add_order(filled, customer, "late", campaign.ends_at + timedelta(microseconds=1), "5")
    with filled.connect() as connection:
        found = campaign_outcomes.outcomes(connection, campaign, EVENT_TIME)
    assert (found.days, len(found.day)) == (2, 0)


def test_a_forgotten_customer_is_no_member_any_more_and_the_others_keep_their_rows(filled: Engine) -> None:
    campaign = store_campaign(filled)
    with filled.connect() as connection:
        gone, stays, *_ = (member.customer_id for member in campaigns.members(connection, "spring"))
    add_order(filled, stays, "one", campaign.started_at + timedelta(hours=1), "5")
    with filled.begin() as connection:
        connection.execute(delete(customers).where(customers.c.customer_id == gone))
    with filled.connect() as connection:
        left = connection.execute(select(campaign_members.c.customer_id)).scalars().all()
        found = campaign_outcomes.outcomes(connection, campaign, EVENT_TIME)
        again = campaigns.find(connection, "spring")
    assert gone not in left
    assert len(found.held_out) == campaign.treated + campaign.held_out - 1
    assert found.customer.tolist() == [0]
    assert again is not None
    assert (again.treated, again.held_out) == (campaign.treated, campaign.held_out)


def test_the_usual_share_is_the_mean_of_the_stretches_before(filled: Engine) -> None:
    with filled.connect() as connection:
        ids = [*connection.execute(select(customers.c.customer_id).limit(4)).scalars()]
        assert campaigns.usual_share(connection, ids, EVENT_TIME, 30) is None
    for days, customer in ((95, 0), (40, 0), (35, 1), (10, 2), (5, 2)):
        add_order(filled, ids[customer], f"{days}", EVENT_TIME - timedelta(days=days), "5")
    with filled.connect() as connection:
        # One of four in the last 30 days, two of four before, none before that; the oldest stretch is not a whole one.
        assert campaigns.usual_share(connection, ids, EVENT_TIME, 30) == pytest.approx(np.mean([0.25, 0.5, 0]))


def test_days_are_whole_and_end_with_the_horizon() -> None:
    campaign = Campaign("spring", 0.1, 30, EVENT_TIME, 9, 1, None, published=True)
    assert campaign.days_until(EVENT_TIME - timedelta(days=1)) == 0
    assert campaign.days_until(EVENT_TIME + timedelta(hours=47)) == 1
    assert campaign.days_until(EVENT_TIME + timedelta(days=99)) == 30


def test_there_is_no_event_time_before_every_partition_has_one(filled: Engine) -> None:
    with filled.connect() as connection:
        assert watermark(connection) == EVENT_TIME
    set_event_time(filled, None)
    with filled.connect() as connection:
        assert watermark(connection) is None


def test_a_customer_forgotten_while_a_campaign_was_being_stored_can_be_deleted_from_it(filled: Engine) -> None:
    with filled.begin() as starting:
        known = campaigns.segments(starting, [str(number) for number in range(10_000, 10_040)])
        new = Campaign("spring", 0.3, 30, EVENT_TIME, 0, 0, 0.4, published=False)
        campaigns.create(starting, new, known)
        with filled.begin() as forgetting:
            forgetting.execute(delete(customers).where(customers.c.customer_id == "10003"))
    campaigns.delete_member(filled, "10003")
    with filled.connect() as connection:
        left = [member.customer_id for member in campaigns.members(connection, "spring")]
    assert sorted(left) == sorted({*known} - {"10003"})
