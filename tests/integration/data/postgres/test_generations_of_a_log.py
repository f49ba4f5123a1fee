"""A log that has lost records continues under the next generation of its id; the questions about it still find it."""

import pytest
from sqlalchemy import Engine, text

from data.kafka.log_id import next_generation
from data.postgres.database import engine
from data.postgres.progress import control_numbers, next_offsets
from segue.doctor import look_postgres

LOG = "cluster/topic"


@pytest.fixture
def postgres(migrated_url: str) -> Engine:
    connected = engine(migrated_url)
    columns = "partition, log_id, next_offset, epoch, owner, control_number"
    with connected.begin() as connection:
        for partition, log_id in enumerate([LOG, next_generation(LOG), "cluster/other"]):
            row = {"partition": partition, "log_id": log_id, "offset": 10 + partition, "number": 20 + partition}
            values = ":partition, :log_id, :offset, 1, 'me', :number"
            connection.execute(text(f"INSERT INTO stream_progress ({columns}) VALUES ({values})"), row)
    return connected


def test_progress_is_found_by_the_id_that_the_broker_gives(postgres: Engine) -> None:
    assert next_offsets(postgres, LOG) == {0: 10, 1: 11}
    assert control_numbers(postgres, LOG) == {0: 20, 1: 21}


def test_the_doctor_takes_a_generation_for_the_same_log(postgres: Engine, migrated_url: str) -> None:
    seen = look_postgres.look(migrated_url)
    assert seen.logs == {LOG: 2, "cluster/other": 1}
    found = {each.check: each for each in look_postgres.judge(seen, LOG, {0: 10, 1: 11}, 2)}
    assert found["log id"].text.startswith("1 partition has offsets of another log (cluster/other)")
    assert found["lag"].level == "ok"
