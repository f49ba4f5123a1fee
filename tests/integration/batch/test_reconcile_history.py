"""`segue reconcile --history` on a real Postgres: it accepts a correct stream, and notices every mutation of it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from batch.fit import fit
from batch.profiles import profiles_as_of
from batch.reconcile_stream import check
from data.contract.wire import ModelActivation, Tick, Transaction
from data.datasets import synthetic
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.postgres.database import engine
from models.segment_model import SegmentModel
from segue.cli.app import app
from tests.support.in_memory_worker import Message
from tests.support.postgres import new_database
from tests.support.processed_stream import lived, store


@dataclass(frozen=True)
class Shop:
    """A small dataset in a file, and two models for it."""

    file: Path
    dataset: Dataset
    model: SegmentModel
    challenger: SegmentModel

    def messages(self) -> list[Message]:
        """What a replay sends: transactions, and a tick at every midnight and at the end."""
        found: list[Message] = []
        midnight = None
        for transaction in self.dataset.wire_transactions():
            day = transaction.occurred_at.replace(hour=0, minute=0, second=0, microsecond=0)
            if midnight is not None and day > midnight:
                found.append(Tick(day))
            midnight = day
            found.append(transaction)
        return [*found, Tick(self.dataset.report.last)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return a_shop(tmp_path_factory.mktemp("shop") / "shop.csv", customers=150)


def a_shop(file: Path, customers: int) -> Shop:
    """A shop with this many customers, and its dataset in a file."""
    synthetic.write(synthetic.generate(customers=customers, days=420, seed=4), file)
    dataset = load(file)
    profiles = profiles_as_of(dataset.transactions, dataset.report.last)
    other = fit(profiles, k=4, monetary="gross", recency_unit=60.0, rank_order=True).model
    return Shop(file, dataset, fit(profiles, k=5).model, other)


@pytest.fixture(scope="module")
def server(postgres_server: str, shop: Shop) -> Iterator[str]:
    with streamed(postgres_server, shop) as url:
        yield url


@contextmanager
def streamed(postgres_server: str, shop: Shop) -> Iterator[str]:
    """A database that holds what a worker makes of a shop's dataset."""
    with new_database(postgres_server) as url:
        store(engine(url), shop.model, lived(shop.model, shop.messages()))
        yield url


def execute(url: str, statement: str) -> list[Any]:
    """The rows of a query."""
    postgres = engine(url)
    with postgres.connect() as connection:
        rows = list(connection.execute(text(statement)))
    postgres.dispose()
    return rows


def reconcile(url: str, file: Path, *options: str) -> Result:
    return CliRunner().invoke(
        app, ["reconcile", str(file), *options], env={"SEGUE_DATABASE_URL": url, "COLUMNS": "200"}
    )


def found(url: str, file: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(reconcile(url, file, "--history", "--json").stdout)
    return result


def test_a_correct_stream_has_no_difference_and_the_result_says_what_was_compared(server: str, shop: Shop) -> None:
    result = reconcile(server, shop.file, "--history")
    assert result.exit_code == 0, result.output
    changes = execute(server, "SELECT count(*) FROM segment_changes")[0][0]
    assert changes > 400
    counts = f"{shop.dataset.report.customers:,} customers, {changes:,} changes, each recomputed"
    assert counts in " ".join(result.output.split())
    assert "No difference" in result.output
    as_json = found(server, shop.file)
    assert as_json["applied"] == shop.dataset.report.transactions
    assert as_json["until"] == shop.dataset.report.last.isoformat()
    assert as_json["differences"] == []


#: By table: SQL that changes one column of one row, and the field that the result must name.
CHANGES = {
    "sequence": ("sequence + 1000", "change"),
    "partition": ("partition + 7", "partition"),
    "position": ("position + 100000", "position"),
    "from_segment": ("to_segment", "from_segment"),
    "to_segment": ("from_segment", "to_segment"),
    "cause": ("CASE cause WHEN 'purchase' THEN 'decay' ELSE 'purchase' END", "cause"),
    "effective_at": ("effective_at + interval '1 day'", "effective_at"),
    "recency_days": ("recency_days + 1", "recency_days"),
    "frequency": ("frequency + 1", "frequency"),
    "monetary": ("monetary + 0.0001", "monetary"),
    "gross": ("gross + 0.0001", "gross"),
    "returned": ("returned + 0.0001", "returned"),
    "model_version": ("'k5-unknown'", "model_version"),
    "transaction_id": ("'another'", "transaction_id"),
}
# The first change comes from no segment, and a position that is 100,000 greater must still be free.
ANY_CHANGE = sorted(CHANGES.keys() - {"from_segment", "to_segment", "position"})
CUSTOMERS = {
    "customer_id": ("customer_id || 'x'", "row"),
    "partition": ("1 - partition", "partition"),
    "country": ("country || 'x'", "country"),
    "first_purchase_at": ("first_purchase_at - interval '1 microsecond'", "first_purchase_at"),
    "last_purchase_at": ("last_purchase_at - interval '1 microsecond'", "last_purchase_at"),
    "last_event_at": ("last_event_at + interval '1 microsecond'", "last_event_at"),
    "frequency": ("frequency + 1", "frequency"),
    "gross": ("gross + 0.0001", "gross"),
    "returned": ("returned + 0.0001", "returned"),
    "segment": ("next_segment", "segment"),
    "segment_since": ("segment_since + interval '1 day'", "segment_since"),
    "sequence": ("sequence + 1", "sequence"),
    "model_version": ("'k5-unknown'", "model_version"),
    "next_change_at": ("next_change_at + interval '1 day'", "next_change_at"),
    "next_segment": ("segment", "next_segment"),
}
VICTIMS = "SELECT customer_id FROM customers WHERE sequence > 3 AND next_segment IS NOT NULL ORDER BY customer_id"


@contextmanager
def mutated(server: str, *statements: str) -> Iterator[str]:
    """The victim, while some statements have changed the database, which is as before afterwards."""
    postgres = engine(server)
    tables = ("segment_changes", "customers", "stream_progress", "transactions", "dead_letters")
    with postgres.begin() as connection:
        victim = str(connection.execute(text(VICTIMS)).scalars().first())
        for table in tables:
            connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
    try:
        with postgres.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), {"victim": victim})
        yield victim
    finally:
        with postgres.begin() as connection:
            for table in tables:
                connection.execute(text(f"DELETE FROM {table}"))
                connection.execute(text(f"INSERT INTO {table} TABLE kept_{table}"))
                connection.execute(text(f"DROP TABLE kept_{table}"))
        postgres.dispose()


def must_be_noticed(server: str, shop: Shop, field: str, *statements: str) -> None:
    with mutated(server, *statements) as victim:
        differences = check(server, shop.dataset, history=True).differences
        assert names(differences, victim, field), differences


def each_must_be_noticed(
    server: str, shop: Shop, mutations: Mapping[str, tuple[str, str]], table: str, rows: str
) -> None:
    """Each mutation has a victim of its own, and nobody else may differ."""
    victims = dict(zip(mutations, (row.customer_id for row in execute(server, VICTIMS)), strict=False))
    assert victims.keys() == mutations.keys()
    statements = [
        f"UPDATE {table} SET {column} = {mutations[column][0]} WHERE customer_id = '{victim}' AND {rows}"
        for column, victim in victims.items()
    ]
    with mutated(server, *statements):
        differences = check(server, shop.dataset, history=True).differences
    for column, victim in victims.items():
        assert names(differences, victim, mutations[column][1]), (column, differences)
    assert set(differences["customer_id"].str.removesuffix("x")) == set(victims.values())


def names(differences: pd.DataFrame, victim: str, field: str) -> bool:
    """Whether any difference of a customer is in a field."""
    fields = differences[differences["customer_id"].str.contains(victim, regex=False)]["field"]
    return bool(fields.str.contains(field).any())


Found = tuple[list[int], list[tuple[str, ...]]]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return a_shop(tmp_path_factory.mktemp("few") / "shop.csv", customers=30)


@pytest.fixture(scope="module")
def wrong_server_of_few(postgres_server: str, few: Shop) -> Iterator[str]:
    with (
        streamed(postgres_server, few) as server,
        mutated(
            server,
            "UPDATE customers SET gross = gross + 1 WHERE customer_id = :victim",
            "DELETE FROM transactions WHERE transaction_id LIKE '%7'",
            "UPDATE customers SET customer_id = '00 unknown'"
            " WHERE customer_id = (SELECT min(customer_id) FROM customers)",
            "UPDATE customers SET customer_id = 'zz unknown'"
            " WHERE customer_id = (SELECT max(customer_id) FROM customers)",
        ),
    ):
        yield server


@pytest.fixture(scope="module")
def found_at_once(wrong_server_of_few: str, few: Shop) -> Found:
    return found_in_parts(wrong_server_of_few, few, 10**9)


def found_in_parts(url: str, few: Shop, size: int) -> Found:
    """Counts and differences, with this many transactions in memory."""
    result = check(url, few.dataset, at_a_time=size)
    counts = [result.customers, result.changes, result.applied, result.missing, result.not_due]
    return counts, sorted(tuple(map(str, row)) for row in result.differences.itertuples(index=False))


@pytest.mark.parametrize("at_a_time", [1, 97, 1_000_000])
def test_the_number_of_transactions_in_memory_changes_no_result(
    wrong_server_of_few: str, few: Shop, found_at_once: Found, at_a_time: int
) -> None:
    server = wrong_server_of_few
    counts, found_differences = found_in_parts(server, few, at_a_time)
    assert counts[0] == len(execute(server, "SELECT FROM customers"))
    assert counts[1] == len(execute(server, "SELECT FROM segment_changes"))
    assert found_differences
    assert (counts, found_differences) == found_at_once


def test_there_is_a_mutation_of_every_column(server: str) -> None:
    for table, mutations in (("segment_changes", CHANGES), ("customers", CUSTOMERS)):
        columns = execute(server, f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'")
        # A change of another customer is one change too few and one too many, as with another sequence.
        assert {row.column_name for row in columns} - {"customer_id"} == mutations.keys() - {"customer_id"}


def test_a_mutation_of_any_column_of_a_change_is_noticed(server: str, shop: Shop) -> None:
    each_must_be_noticed(server, shop, CHANGES, "segment_changes", "sequence = 3")


def test_a_mutation_of_any_column_of_a_customer_is_noticed(server: str, shop: Shop) -> None:
    each_must_be_noticed(server, shop, CUSTOMERS, "customers", "true")


CUT_OUT = (
    "DELETE FROM segment_changes WHERE customer_id = :victim AND sequence IN (2, 3)",
    "UPDATE segment_changes SET sequence = sequence - 2 WHERE customer_id = :victim AND sequence > 3",
    "UPDATE customers SET sequence = sequence - 2 WHERE customer_id = :victim",
    "UPDATE segment_changes SET from_segment = (SELECT to_segment FROM segment_changes AS before"
    " WHERE before.customer_id = :victim AND before.sequence = 1) WHERE customer_id = :victim AND sequence = 2",
)


def test_two_moves_cut_out_and_renumbered_are_noticed(server: str, shop: Shop) -> None:
    must_be_noticed(server, shop, "effective_at", *CUT_OUT)


def test_swapped_causes_are_noticed(server: str, shop: Shop) -> None:
    swap = (
        "UPDATE segment_changes SET cause = CASE cause WHEN 'decay' THEN 'purchase' ELSE 'decay' END"
        " WHERE customer_id = :victim AND sequence IN (2, 3)"
    )
    must_be_noticed(server, shop, "cause", swap)


def test_a_missing_last_change_is_noticed(server: str, shop: Shop) -> None:
    last = "(SELECT max(sequence) FROM segment_changes WHERE customer_id = :victim)"
    deleted = f"DELETE FROM segment_changes WHERE customer_id = :victim AND sequence = {last}"
    must_be_noticed(server, shop, "change", deleted)
    with mutated(server, deleted) as victim:
        result = reconcile(server, shop.file, "--history")
        assert result.exit_code == 1, result.output
        assert any("change" in line for line in result.output.splitlines() if victim in line), result.output


@pytest.mark.parametrize("seed", range(3))
def test_mutations_of_any_changes_are_all_noticed(server: str, shop: Shop, seed: int) -> None:
    random = Random(seed)
    rows = execute(server, "SELECT customer_id, sequence FROM segment_changes ORDER BY 1, 2")
    chosen = {row.customer_id: row.sequence for row in random.sample(rows, 80)}
    columns = {customer: random.choice(ANY_CHANGE) for customer in chosen}
    statements = [
        f"UPDATE segment_changes SET {column} = {CHANGES[column][0]}"
        f" WHERE customer_id = '{customer}' AND sequence = {chosen[customer]}"
        for customer, column in columns.items()
    ]
    with mutated(server, *statements):
        differences = check(server, shop.dataset, history=True).differences
        for customer, column in columns.items():
            fields = differences[differences["customer_id"] == customer]["field"]
            assert fields.str.contains(CHANGES[column][1]).any(), (customer, column)
        assert set(differences["customer_id"]) == columns.keys()


def test_changes_older_than_gross_and_returned_are_still_compared(server: str, shop: Shop) -> None:
    older = "UPDATE segment_changes SET gross = NULL, returned = NULL WHERE position <= 20"
    with mutated(server, older):
        assert reconcile(server, shop.file, "--history").exit_code == 0


def test_an_activation_between_two_ticks_is_recomputed(database_url: str, shop: Shop) -> None:
    messages = shop.messages()
    middle = len(messages) // 2
    # In the middle of a day: some of its transactions are before the activation and some behind it.
    while not (isinstance(messages[middle - 1], Transaction) and isinstance(messages[middle], Transaction)):
        middle += 1
    changed: list[Message] = [*messages[:middle], ModelActivation(shop.challenger), *messages[middle:]]
    stream = lived(shop.model, changed)
    store(engine(database_url), shop.model, stream, shop.challenger)
    assert {row["cause"] for row in stream.changes} >= {"first_purchase", "purchase", "decay", "model"}
    result = reconcile(database_url, shop.file, "--history")
    assert result.exit_code == 0, result.output


def test_a_late_transaction_makes_its_customer_not_comparable_and_no_other(database_url: str, shop: Shop) -> None:
    messages = shop.messages()
    frequent = shop.dataset.transactions["customer_id"].value_counts().index[0]
    own = [i for i, m in enumerate(messages) if isinstance(m, Transaction) and m.customer_id == frequent]
    late = messages.pop(own[1])
    stream = lived(shop.model, [*messages, late])
    assert sum(row["late"] for row in stream.progress) == 1
    store(engine(database_url), shop.model, stream)
    result = found(database_url, shop.file)
    assert (result["not_comparable"], result["differences"]) == ([frequent], [])
    assert result["customers"] == shop.dataset.report.customers - 1
    said = reconcile(database_url, shop.file, "--history")
    assert said.exit_code == 0
    assert "The changes of 1 customer could not be compared" in " ".join(said.output.split())
    # One late transaction cannot explain two customers.
    victims = f"SELECT customer_id FROM customers WHERE sequence > 3 AND customer_id <> '{frequent}'"
    with engine(database_url).begin() as connection:
        own_partition = f"(SELECT partition FROM customers WHERE customer_id = '{frequent}')"
        connection.execute(
            text(
                "UPDATE segment_changes SET recency_days = recency_days + 1 WHERE sequence = 3 AND customer_id ="
                f" ({victims} AND partition = {own_partition} LIMIT 1)"
            )
        )
    assert reconcile(database_url, shop.file, "--history").exit_code == 1


def test_an_empty_stream_is_a_failure(database_url: str, shop: Shop) -> None:
    store(engine(database_url), shop.model, lived(shop.model, []))
    for options in ([], ["--history"]):
        result = reconcile(database_url, shop.file, *options)
        assert result.exit_code == 1
        assert "nothing was compared" in result.output


def test_transactions_that_are_not_yet_due_missing_or_dead_letters_are_counted(database_url: str, shop: Shop) -> None:
    half = shop.dataset.report.transactions // 2
    sent = list(shop.dataset.wire_transactions(0, half))
    stream = lived(shop.model, [*sent[:-3], Tick(sent[-1].occurred_at)])
    postgres: Engine = engine(database_url)
    store(postgres, shop.model, stream)
    refused = json.dumps({"customer_id": sent[-1].customer_id, "transaction_id": sent[-1].transaction_id}).encode()
    with postgres.begin() as connection:
        for offset, value in enumerate([refused, b"no json", None]):
            connection.execute(
                text(
                    'INSERT INTO dead_letters (log_id, partition, "offset", reason, value) VALUES (:l, 0, :o, :r, :v)'
                ),
                {"l": "log", "o": offset, "r": "refused", "v": value},
            )
    result = found(database_url, shop.file)
    counted = {name: result[name] for name in ("applied", "not_due", "missing", "dead_letters")}
    at_that_moment = shop.dataset.transactions["occurred_at"] <= pd.Timestamp(sent[-1].occurred_at)
    due = int(at_that_moment.sum())
    assert counted["applied"] == half - 3
    assert counted["dead_letters"] == 1
    assert counted["missing"] == due - half + 2
    assert counted["not_due"] == shop.dataset.report.transactions - due
    assert {row["actual"] for row in result["differences"]} == {"missing", "dead letter"}


def test_the_result_says_until_when(server: str, shop: Shop) -> None:
    assert f"until {shop.dataset.report.last:%Y-%m-%d %H:%M:%S} of event time" in reconcile(server, shop.file).output


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_began_without_a_model_reconciles_wherever_the_first_one_came(
    postgres_server: str, shop: Shop, seed: int
) -> None:
    messages, random = shop.messages(), Random(seed)
    for model in (shop.model, shop.challenger)[: 1 + seed % 2]:
        messages.insert(random.randrange(len(messages)), ModelActivation(model))
    with new_database(postgres_server) as url:
        store(engine(url), shop.model, lived(None, messages), shop.challenger)
        result = check(url, shop.dataset, history=True)
        assert result.differences.empty, result.differences.to_string()
        assert execute(url, "SELECT count(*) FROM segment_changes WHERE cause = 'first_model'")[0][0] > 0


def test_a_stream_that_never_had_a_model_reconciles(database_url: str, shop: Shop) -> None:
    store(engine(database_url), shop.model, lived(None, shop.messages()), shop.challenger)
    assert check(database_url, shop.dataset, history=True).differences.empty


def test_a_wrong_first_segment_is_a_difference(postgres_server: str, shop: Shop) -> None:
    messages = shop.messages()
    messages.insert(len(messages) // 2, ModelActivation(shop.model))
    with new_database(postgres_server) as url:
        store(engine(url), shop.model, lived(None, messages))
        with engine(url).begin() as connection:
            connection.execute(
                text(
                    "UPDATE segment_changes SET cause = 'first_purchase' WHERE cause = 'first_model' AND customer_id = "
                    "(SELECT min(customer_id) FROM segment_changes WHERE cause = 'first_model')"
                )
            )
        assert set(check(url, shop.dataset, history=True).differences["field"]) == {"change 1 cause"}
