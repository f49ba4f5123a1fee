"""Risk states on a real Postgres: what is stored is what the pure core finds, whatever happens on the way."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
import pytest

from data.contract.risk_row import RiskRow
from data.contract.wire import Erasure, ModelActivation, Tick
from data.postgres import model_registry
from data.postgres.database import engine
from models.rhythm.carried import carrying
from models.segment_model import SegmentModel
from models.units import from_micros
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import InMemoryPartition, Message, Record, logs, risk_outcome, run
from tests.support.partition_batches import Dies, apply_until, apply_up_to, batching_task, die_between_slices
from tests.support.partition_tasks import claiming, committed
from tests.support.rhythm import a_rhythm

FIRST = carrying(recency_model(), a_rhythm())
ANOTHER = carrying(recency_model(away=30, lost=90), a_rhythm(lost_below=0.4))
WITHOUT = recency_model(away=25, lost=70)
CUSTOMERS = 40
SLICE = 3
BUYERS = [transaction(number, number % 5, customer=f"c{number:02}") for number in range(CUSTOMERS)]
RETURN = transaction(200, 4, "return", customer="r00")
LATER: list[Message] = [
    tick(15),
    transaction(100, 20, customer="c00"),
    transaction(101, 3, customer="c01"),
    msgspec.structs.replace(transaction(4, 4, "cancelled", customer="c04"), revision=1),
    RETURN,
    *(tick(days) for days in range(40, 140, 7)),
    tick(800),
    transaction(102, 799, customer="c02"),
    transaction(103, 801, customer="c03"),
    tick(1_200),
]
MODELS: list[Message] = [
    ModelActivation(ANOTHER),
    transaction(104, 1_201, customer="c05"),
    tick(1_300),
    ModelActivation(WITHOUT),
    transaction(105, 1_301, customer="c06"),
    transaction(106, 1_302, customer="n00"),
    ModelActivation(FIRST),
    tick(1_400),
]
LOG = [*BUYERS, *LATER, *MODELS]
RECORDS = logs(LOG, 1)[0]
# A tick at which nearly everybody is due by risk, and nobody by decay.
DUE = LOG.index(tick(89))
_MICROS = "(extract(epoch FROM {}) * 1e6)::int8"


@pytest.fixture
def predicting(migrated_url: str) -> str:
    """The URL of a database whose champion carries a rhythm model."""
    model_registry.register(engine(migrated_url), FIRST)
    return migrated_url


async def apply(database: str, batch_size: int, ends: Sequence[int], records: list[Record] = RECORDS) -> None:
    """Apply a log from the stored next offset on, in batches that end before some offsets, until all are rescored."""
    await apply_until(_is_settled, database, batch_size, records, ends)


def _is_settled(database: str) -> bool:
    """Whether all customers are under the active models."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM customers AS c JOIN stream_progress AS p USING (partition)"
            " JOIN models AS m ON m.version = p.model_version LEFT JOIN risk_states AS r USING (customer_id)"
            " WHERE c.model_version <> p.model_version OR (c.frequency > 0"
            " AND r.rhythm_version IS DISTINCT FROM m.spec->'metadata'->'rhythm'->>'version')"
        ).fetchone()
    return row == (0,)


Stored = tuple[dict[str, Any], dict[tuple[str, int], RiskRow]]


def stored(database: str) -> Stored:
    """What the risk outcome of a world is, in Postgres."""
    columns = ["position", "customer_id", "sequence", "from_state", "to_state", "cause", "effective_at", "frequency"]
    columns += ["last_purchase_at", "next_state", "next_at", "rhythm_version", "transaction_id"]
    moments = ("effective_at", "last_purchase_at", "next_at")
    listed = ", ".join(_MICROS.format(name) if name in moments else name for name in columns)
    with psycopg.connect(database) as connection:
        risks = connection.execute(
            f"SELECT customer_id, state, {_MICROS.format('since')}, sequence, {_MICROS.format('next_at')},"
            " rhythm_version FROM risk_states"
        ).fetchall()
        changes = [RiskRow(*row) for row in connection.execute(f"SELECT {listed} FROM risk_changes ORDER BY position")]
        last = connection.execute("SELECT risk_position FROM stream_progress").fetchone()
    assert [row.position for row in changes] == list(range(1, len(changes) + 1))
    assert last == (len(changes),)
    return {row[0]: row[1:] for row in risks}, {(r.customer_id, r.sequence): r._replace(position=0) for r in changes}


def comparable(outcome: tuple[dict[str, Any], dict[tuple[str, int], RiskRow]]) -> Stored:
    """The outcome of a world in memory, as :func:`stored` has it."""
    risks, changes = outcome
    never = 2**63 - 1
    return {
        customer: tuple(None if value == never else value for value in row.values()) for customer, row in risks.items()
    }, changes


def expected(messages: list[Message] = LOG, model: SegmentModel = FIRST) -> Stored:
    return comparable(risk_outcome(run(model, messages)))


def test_the_log_of_these_tests_has_every_state_and_every_cause() -> None:
    _, changes = expected()
    assert {row.to_state for row in changes.values()} == {"on_rhythm", "due", "overdue", "presumed_lost", None}
    assert {row.cause for row in changes.values()} == {"first_purchase", "purchase", "silence", "model", "revision"}


@pytest.mark.parametrize("batch_size", [1, SLICE, 500])
@pytest.mark.parametrize("ends", [[len(RECORDS)], list(range(1, len(RECORDS) + 1))], ids=["at once", "one by one"])
def test_the_stored_risk_states_are_those_of_the_pure_core(predicting: str, batch_size: int, ends: list[int]) -> None:
    asyncio.run(apply(predicting, batch_size, ends))
    assert stored(predicting) == expected()


@pytest.mark.parametrize(("late", "state"), [(-1, "on_rhythm"), (0, "due")])
def test_a_tick_at_the_very_moment_of_the_next_state_makes_it_true(predicting: str, late: int, state: str) -> None:
    first: list[Message] = [transaction(1, 0), tick(1)]
    [world] = run(FIRST, first)
    moment = from_micros(world.risks["c"]["next_at"] + late)
    records = logs([*first, Tick(moment)], 1)[0]
    # The worker knows that nobody is due before this moment.
    asyncio.run(apply(predicting, 1, [1, 2, 3], records))
    assert stored(predicting)[0]["c"][0] == state


def test_no_transaction_fires_the_silence_of_more_customers_than_a_slice_and_a_batch_have(predicting: str) -> None:
    asyncio.run(apply(predicting, SLICE, [len(BUYERS), len(RECORDS)]))
    with psycopg.connect(predicting) as connection:
        query = "SELECT count(DISTINCT customer_id) FROM risk_changes WHERE cause = 'silence' GROUP BY xmin::text"
        customers = [row[0] for row in connection.execute(query)]
    # As many may be due by decay as by risk.
    assert max(customers) <= 2 * SLICE + 1


@pytest.mark.parametrize("slices", [1, 4, 10])
@pytest.mark.parametrize("dies", ["before a commit", "after a commit"])
def test_a_death_between_two_slices_changes_no_risk_state(predicting: str, slices: int, dies: Dies) -> None:
    async def work() -> None:
        await apply(predicting, CUSTOMERS, [DUE])
        # A tick at which nearly everybody is due.
        due = RECORDS[DUE : DUE + 1]
        await die_between_slices(predicting, ChangeTopic(), SLICE, lambda _: due, slices, dies)
        assert committed(predicting)[0] == DUE
        await apply(predicting, SLICE, [len(RECORDS)])

    asyncio.run(work())
    assert stored(predicting) == expected()


def test_customers_whom_an_earlier_version_has_stored_get_their_risk_states_after_the_upgrade(predicting: str) -> None:
    before = [*BUYERS, *LATER]
    asyncio.run(apply(predicting, 500, [len(before)]))
    with psycopg.connect(predicting) as connection:
        # What an earlier version leaves.
        connection.execute("DELETE FROM risk_states")
        connection.execute("DELETE FROM risk_changes")
        connection.execute("UPDATE stream_progress SET risk_position = 0")
    records = logs([*before, transaction(104, 1_201, customer="c05"), tick(1_300)], 1)[0]
    asyncio.run(apply(predicting, SLICE, [len(before), len(records)], records))

    world = InMemoryPartition(FIRST).run(records[: len(before)])
    world.risks.clear()
    world.risk_changes.clear()
    world.progress = replace(world.progress, risk_position=0)
    world.run(records[len(before) :])
    risks, changes = stored(predicting)
    assert (risks, changes) == comparable(risk_outcome([world]))
    first = [row for (_, sequence), row in changes.items() if sequence == 1]
    assert len(first) == CUSTOMERS - 1
    assert {row.cause for row in first} == {"model"}


def test_the_first_model_with_a_rhythm_gives_everybody_with_an_order_a_risk_state(database: str) -> None:
    log: list[Message] = [*BUYERS, RETURN, tick(15), ModelActivation(ANOTHER), tick(30)]
    records = logs(log, 1)[0]
    asyncio.run(apply(database, SLICE, [len(records)], records))
    risks, changes = stored(database)
    assert (risks, changes) == expected(log, recency_model())
    assert len(risks) == CUSTOMERS
    assert "r00" not in risks


def test_a_forgotten_customer_has_no_risk_state_and_their_risk_changes_are_gone(predicting: str) -> None:
    log: list[Message] = [*BUYERS, tick(60), transaction(300, 61, customer="c07"), Erasure("c07"), tick(200)]
    records = logs(log, 1)[0]
    asyncio.run(apply(predicting, 500, [len(BUYERS) + 1, len(records)], records))
    with psycopg.connect(predicting) as connection:
        for table in ("risk_states", "risk_changes"):
            found = connection.execute(f"SELECT count(*) FROM {table} WHERE customer_id = 'c07'").fetchone()
            assert found == (0,)
            others = connection.execute(f"SELECT count(DISTINCT customer_id) FROM {table}").fetchone()
            assert others == (CUSTOMERS - 1,)


def test_a_partition_without_a_rhythm_model_needs_none_of_the_new_tables(database: str) -> None:
    log: list[Message] = [*BUYERS, *LATER, ModelActivation(WITHOUT), tick(1_300)]
    records = logs(log, 1)[0]
    with psycopg.connect(database) as connection:
        connection.execute(
            "DROP VIEW segue_masked.risk_states, segue_masked.risk_changes, segue_read.current_risk_states, "
            "segue_read.risk_changes"
        )
        connection.execute("DROP TABLE risk_states, risk_changes")
    task = batching_task(database, ChangeTopic(), SLICE)

    async def work() -> None:
        async with claiming(task):
            await apply_up_to(task, database, records, [len(records)])

    asyncio.run(work())
