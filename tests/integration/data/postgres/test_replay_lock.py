"""One replay at a time: the lock is bound to a connection, and names who has it."""

import os
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from data.postgres.database import engine as connect
from data.postgres.replay_lock import ReplayLock, ReplayRunningError
from runtime.errors import Hint


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    connected = connect(database_url)
    yield connected
    connected.dispose()


def _end_other_connections(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'segue replay%'")
        )


def test_a_second_replay_is_refused_with_the_name_of_the_first(engine: Engine) -> None:
    first, second = ReplayLock(engine), ReplayLock(engine)
    first.acquire("shop.csv")
    with pytest.raises(ReplayRunningError) as refused:
        second.acquire("other.csv")
    assert refused.value.hint is Hint.STOP_THE_REPLAY
    assert re.search(rf"@.+, process {os.getpid()} since \d{{4}}-\d\d-\d\d \d\d:\d\d$", str(refused.value))
    first.release()
    second.acquire("other.csv")
    second.release()


def test_a_replay_whose_connection_ends_blocks_nobody(engine: Engine) -> None:
    first, second = ReplayLock(engine), ReplayLock(engine)
    first.acquire("shop.csv")
    _end_other_connections(engine)
    second.acquire("other.csv")
    with pytest.raises(ReplayRunningError):
        first.keep()
    second.release()


def test_a_lost_lock_is_taken_again(engine: Engine) -> None:
    first, second = ReplayLock(engine), ReplayLock(engine)
    first.acquire("shop.csv")
    _end_other_connections(engine)
    first.keep()
    with pytest.raises(ReplayRunningError):
        second.acquire("other.csv")
    first.keep()
    first.release()


def test_a_lock_that_was_never_taken_is_not_kept(engine: Engine) -> None:
    first, second = ReplayLock(engine), ReplayLock(engine)
    first.keep()
    second.acquire("shop.csv")
    first.keep()
    second.release()
