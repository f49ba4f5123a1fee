"""What became of a replay's records is counted by their offsets, also where others write in between."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, update

from data.postgres.database import engine as connect
from data.postgres.tables import dead_letters, stream_progress
from producers.offset_runs import Placed
from producers.outcome import Accounting

LOG = "cluster/topic"


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    connected = connect(migrated_url)
    with connected.begin() as connection:
        row = {"log_id": LOG, "epoch": 1, "owner": "w", "transactions": 80, "duplicates": 15, "late": 2}
        connection.execute(insert(stream_progress), [row | {"partition": 0, "next_offset": 100}])
    yield connected
    connected.dispose()


def _advance(engine: Engine, next_offset: int, **more: int) -> None:
    values = {"next_offset": next_offset} | {name: stream_progress.c[name] + count for name, count in more.items()}
    with engine.begin() as connection:
        connection.execute(update(stream_progress).values(values))


def _reject(engine: Engine, **reasons: str) -> None:
    rows = [{"log_id": LOG, "partition": 0, "offset": int(at[1:]), "reason": why} for at, why in reasons.items()]
    with engine.begin() as connection:
        connection.execute(insert(dead_letters), rows)


def _send(placed: Placed, transactions: range, ticks: range = range(0)) -> None:
    for offset in transactions:
        placed.transaction(0, offset)
    for offset in ticks:
        placed.control_record(0, offset)


def test_a_replay_alone_in_the_stream_is_counted_by_the_counters(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 110), range(110, 112))
    _reject(engine, o50="older", o103="broken", o110="unsigned", o115="newer")
    _advance(engine, 112, transactions=7, duplicates=2, late=3, dead_letters=2)
    outcome = accounting.outcome(10, 0)
    assert (outcome.applied, outcome.duplicates, outcome.late, outcome.others) == (7, 2, 3, 0)
    assert (outcome.dead_letters, outcome.control_dead_letters) == ({"broken": 1}, {"unsigned": 1})
    assert (outcome.not_applied, outcome.unaccounted) == (0, 0)


@pytest.mark.parametrize("others", [0, 5])
def test_records_of_forgotten_customers_are_counted_apart(engine: Engine, others: int) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 110))
    _advance(engine, 110 + others, transactions=7 + others, forgotten=3)
    outcome = accounting.outcome(10, 0)
    assert (outcome.applied, outcome.forgotten, outcome.unaccounted, outcome.others) == (7, 3, 0, others)


def test_what_no_worker_has_committed_is_not_applied_yet(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 110))
    _advance(engine, 104, transactions=4)
    outcome = accounting.outcome(12, 0)
    # Two of the twelve have not reached the broker.
    assert (outcome.applied, outcome.not_applied, outcome.unaccounted) == (4, 8, 0)


def test_records_of_others_in_between_change_no_count_but_the_late_ones(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 105), range(105, 106))
    _send(placed, range(110, 115))
    _reject(engine, o107="of another producer", o112="broken")
    _advance(engine, 116, transactions=11, duplicates=2, late=4, dead_letters=2)
    outcome = accounting.outcome(10, 2)
    assert (outcome.applied, outcome.duplicates, outcome.dead_letters) == (7, 2, {"broken": 1})
    assert (outcome.others, outcome.late, outcome.unaccounted) == (5, 4, 0)


def test_records_that_waited_before_the_replay_are_those_of_others(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [130], placed)
    assert accounting.before.waiting == 30
    _send(placed, range(130, 135))
    _advance(engine, 135, transactions=35)
    outcome = accounting.outcome(5, 0)
    assert (outcome.applied, outcome.others, outcome.unaccounted) == (5, 30, 0)


def test_a_record_whose_offset_is_unknown_is_accounted_for(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 104))
    placed.transaction(0, -1001)
    _advance(engine, 105, transactions=5)
    outcome = accounting.outcome(5, 0)
    assert (outcome.applied, outcome.others, outcome.not_applied, outcome.unaccounted) == (5, 0, 0, 0)


def test_transactions_that_the_log_has_lost_are_unaccounted_for(engine: Engine) -> None:
    placed = Placed()
    accounting = Accounting(engine, LOG, lambda: [100], placed)
    _send(placed, range(100, 110))
    # A fault of the log: the worker goes on behind records that were deleted.
    _advance(engine, 110, transactions=6)
    outcome = accounting.outcome(10, 0)
    assert (outcome.applied, outcome.unaccounted) == (6, 4)
    assert not outcome.is_complete
