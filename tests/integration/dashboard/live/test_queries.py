"""The live page's query against a real Postgres; pandas on the same rows is the oracle."""

from datetime import timedelta

import pandas as pd
from sqlalchemy import Engine

from dashboard.live import queries
from dashboard.shared import reading
from tests.support.stored import EVENT_TIME, Stored


def test_segment_sizes_count_customers_and_those_about_to_leave(filled: Engine, stream: Stored) -> None:
    horizon = EVENT_TIME + timedelta(days=30)
    with reading.reading(filled) as connection:
        sizes = queries.segment_sizes(connection, horizon).set_index("segment")
    people = stream.customers.assign(segment=stream.customers["segment"].fillna(""))
    due = pd.to_datetime(people["next_change_at"], utc=True) <= horizon
    assert sizes["customers"].to_dict() == people.groupby("segment").size().to_dict()
    assert sizes["due"].to_dict() == due.groupby(people["segment"]).sum().to_dict()
    spent = (people["gross"] - people["returned"]).groupby(people["segment"]).sum()
    assert sizes["spent"].astype(float).to_dict() == spent.to_dict()
    assert sizes.loc["", "customers"] > 0


def test_no_customer_is_about_to_leave_before_event_time_begins(filled: Engine) -> None:
    with reading.reading(filled) as connection:
        assert queries.segment_sizes(connection, None)["due"].sum() == 0
