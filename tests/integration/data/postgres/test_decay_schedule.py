"""The clock knows when time alone changes something next."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from data.postgres.decay_schedule import next_change_after
from data.postgres.tables import customers, risk_states, stream_progress

NOW = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("decay", "risk", "first"),
    [(3, 5, 3), (5, 3, 3), (None, 4, 4), (4, None, 4), (-1, 2, 2), (2, -1, 2), (-1, -1, None), (None, None, None)],
)
def test_the_next_change_is_the_first_one_of_decay_and_of_risk_after_a_moment(
    postgres: Engine, decay: int | None, risk: int | None, first: int | None
) -> None:
    def at(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    with postgres.begin() as connection:
        for partition in (0, 1):
            here = {"partition": partition, "log_id": "log", "next_offset": 1, "epoch": 1, "owner": "me"}
            connection.execute(insert(stream_progress).values(here))
        profile = {"customer_id": "c", "partition": 1, "country": "", "last_event_at": NOW, "frequency": 1, "gross": 1}
        connection.execute(insert(customers).values(**profile, returned=0, sequence=1, next_change_at=at(decay)))
        connection.execute(insert(risk_states).values(customer_id="c", partition=1, sequence=1, next_at=at(risk)))
        assert next_change_after(connection, NOW) == at(first)
