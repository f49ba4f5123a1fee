"""Somebody who may not see ids gets a past day, periods and the whole history with masked ids and the same numbers."""

from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import Engine, make_url

from dashboard.customer import past_life
from dashboard.shared import history, past
from dashboard.shared.connection import masked_engine
from dashboard.shared.reading import progress, reading
from dashboard.shifts import revenue
from data.postgres import roles
from data.postgres.database import migrate
from data.postgres.masked_views import MASK_BEGINS
from tests.support import big_tables
from tests.support.generated_tables import a_model
from tests.support.money import POUNDS

NUMBER = 200
DAY = datetime(2011, 3, 1, tzinfo=UTC)


def test_a_masked_session_sees_masked_ids_and_the_same_numbers(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    big_tables.fill(engine, a_model(), NUMBER, 5 * NUMBER, 5 * NUMBER)
    user = roles.make_login(engine, roles.MASKED, None)
    masked = masked_engine(make_url(database_url).set(username=user).render_as_string(hide_password=False))
    found = []
    for each in (engine, masked):
        with reading(each) as connection:
            days = history.new_cache().read(connection, progress(connection))
            then = past.read(connection, DAY)
            found.append((then.rows, revenue.daily(connection, None), days))
            who = then.rows.iloc[0]
            one = past_life.read(connection, {}, DAY, who["customer_id"], POUNDS)
            assert one is not None
            assert (one.portrait.segment, one.portrait.frequency) == (who["segment"], who["frequency"])
    (plain, sold, moved), (hidden, sold_hidden, moved_hidden) = found
    assert len(hidden) == len(plain) > NUMBER / 2
    assert hidden["customer_id"].str.startswith(MASK_BEGINS).all()
    assert not set(hidden["customer_id"]) & set(plain["customer_id"])
    numbers = ["frequency", "monetary", "recency"]
    same = (rows[numbers].sort_values(numbers).to_numpy().tolist() for rows in (plain, hidden))
    assert next(same) == next(same)
    pd.testing.assert_frame_equal(sold, sold_hidden)
    pd.testing.assert_frame_equal(moved, moved_hidden)
    masked.dispose()
