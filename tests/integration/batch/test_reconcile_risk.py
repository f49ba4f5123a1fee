"""`segue reconcile` of a stream with predictions compares every customer's risk state."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.contract.wire import Tick
from data.datasets.load import load
from data.postgres.database import engine
from models.rhythm.carried import carrying
from segue.cli.app import app
from tests.support import shop_files
from tests.support.postgres import new_database
from tests.support.processed_stream import lived, store
from tests.support.rhythm import a_rhythm
from tests.support.stored_risks import store_risks

# For each column a wrong value, and the field of the difference.
WRONG = {
    "risk_states": {
        "state": ("CASE state WHEN 'due' THEN 'overdue' ELSE 'due' END", "state"),
        "since": ("since + interval '1 microsecond'", "since"),
        "sequence": ("sequence + 1", "sequence"),
        "next_at": ("next_at + interval '1 microsecond'", "next_at"),
        "partition": ("1 - partition", "partition"),
        "rhythm_version": ("'another'", "rhythm_version"),
    },
    "risk_changes": {
        "sequence": ("sequence + 1000", "sequence"),
        "from_state": ("'sleeping'", "from_state"),
        "to_state": ("'sleeping'", "state"),
        "effective_at": ("effective_at + interval '1 microsecond'", "since"),
    },
}
# Customers for whom each of these values is wrong, with the sequence of their last change.
VICTIMS = """
SELECT customer_id, own.sequence FROM risk_states AS own JOIN risk_changes AS last USING (customer_id, sequence)
WHERE own.next_at IS NOT NULL AND last.from_state IS DISTINCT FROM 'sleeping' ORDER BY customer_id
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of a small shop."""
    return shop_files.generated(tmp_path_factory.mktemp("shop"), days=420)


@pytest.fixture(scope="module")
def server(postgres_server: str, file: Path) -> Iterator[str]:
    """A database that holds what a worker makes of the dataset."""
    dataset = load(file)
    now = dataset.report.last
    model = carrying(fit(profiles_as_of(dataset.transactions, now), k=5).model, a_rhythm())
    made = lived(model, [*dataset.wire_transactions(), Tick(now)])
    with new_database(postgres_server) as url:
        postgres = engine(url)
        store(postgres, model, made)
        store_risks(postgres, made, now)
        postgres.dispose()
        yield url


@pytest.fixture
def postgres(server: str) -> Iterator[Engine]:
    connected = engine(server)
    yield connected
    connected.dispose()


def reconcile(url: str, file: Path, *options: str) -> Result:
    settings = {"SEGUE_DATABASE_URL": url, "COLUMNS": "200"}
    return CliRunner().invoke(app, ["reconcile", str(file), *options], env=settings)


@pytest.mark.parametrize("options", [(), ("--history",)])
def test_all_risk_states_are_compared_and_counted(
    server: str, postgres: Engine, file: Path, options: tuple[str, ...]
) -> None:
    result = reconcile(server, file, *options)
    assert result.exit_code == 0, result.output
    with postgres.connect() as connection:
        number = connection.execute(text("SELECT count(*) FROM risk_states")).scalar_one()
    assert number > 100
    assert f"Compared the risk states of {number} customers." in result.output
    as_json = json.loads(reconcile(server, file, *options, "--json").stdout)
    assert as_json["risk_states"] == number


@pytest.mark.parametrize("table", WRONG)
def test_a_wrong_value_in_any_column_is_a_difference(server: str, postgres: Engine, file: Path, table: str) -> None:
    """Each column is wrong for a customer of its own, and nobody else may differ."""
    wrong = WRONG[table]
    with postgres.connect() as connection:
        victims = dict(zip(wrong, connection.execute(text(VICTIMS)).all(), strict=False))
    assert victims.keys() == wrong.keys()
    try:
        with postgres.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT * FROM " + table))
            for column, (customer, sequence) in victims.items():
                key = {"customer": customer, "sequence": sequence}
                where = "WHERE customer_id = :customer AND sequence = :sequence"
                connection.execute(text(f"UPDATE {table} SET {column} = {wrong[column][0]} {where}"), key)
        result = reconcile(server, file, "--json")
        differences = json.loads(result.stdout)["differences"]
        assert result.exit_code == 1
        for column, (customer, _) in victims.items():
            fields = {each["field"] for each in differences if each["customer_id"] == customer}
            assert wrong[column][1] in fields, (column, fields)
        assert {each["customer_id"] for each in differences} == {customer for customer, _ in victims.values()}
        assert {each["what"] for each in differences} <= {"risk", "risk history"}
    finally:
        with postgres.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept"))
            connection.execute(text("DROP TABLE kept"))


def test_a_missing_risk_state_is_a_difference(server: str, postgres: Engine, file: Path) -> None:
    with postgres.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT * FROM risk_states"))
        connection.execute(text("DELETE FROM risk_states"))
    try:
        result = reconcile(server, file)
        assert result.exit_code == 1
        assert "rhythm_version" in result.output
    finally:
        with postgres.begin() as connection:
            connection.execute(text("INSERT INTO risk_states SELECT * FROM kept"))
            connection.execute(text("DROP TABLE kept"))
