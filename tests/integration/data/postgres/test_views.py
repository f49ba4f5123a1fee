"""The views for services hold what the HTTP API answers and what the topic publishes, as their page says."""

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg import connect
from psycopg.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState
from sqlalchemy import Engine, Row, make_url, select, text

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from data.contract.risk_events import risk_event
from data.contract.risk_row import RiskRow
from data.contract.wire import ModelActivation, Tick
from data.postgres import model_registry, views
from data.postgres.database import engine, migrate
from data.postgres.tables import risk_changes, segment_changes
from models.rhythm.risk import RISK_STATES
from models.segment_model import SegmentModel
from models.units import money_text, to_micros, to_money_units
from services.api.reading import CustomerReader
from services.api.schemas import Customer
from tests.support.builders import recency_model
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message
from tests.support.processed_stream import NOW, lived, messages, store
from tests.support.stored_risks import store_predicted_risks

PAGE = (Path(__file__).parents[4] / "docs" / "reading_from_postgres.md").read_text()
GROSS: SegmentModel = recency_model()


@pytest.fixture
def processed(postgres: Engine) -> Engine:
    """A database in which a stream has been processed, under two models one after the other."""
    later: list[Message] = [Tick(NOW), ModelActivation(GROSS), Tick(NOW + timedelta(days=40))]
    store(postgres, a_model(), lived(a_model(), [*messages(), *later]), GROSS)
    return postgres


@pytest.fixture
def predicting(postgres: Engine) -> Engine:
    """A database in which a stream has been processed under a model with predictions."""
    stream = lived(a_model(), [*messages(), Tick(NOW)])
    store(postgres, a_model(), stream)
    store_predicted_risks(postgres, stream)
    return postgres


def _rows(database: Engine, question: str) -> list[Row[Any]]:
    with database.connect() as connection:
        return list(connection.execute(text(question)))


def _documented(view: str) -> list[tuple[str, str]]:
    """The columns of a view's table on the page, with their types."""
    part = PAGE.partition(f"### `{views.SCHEMA}.{view}`")[2].partition("###")[0]
    return re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", part, re.MULTILINE)


@pytest.mark.parametrize("view", views.VIEWS)
def test_a_view_has_the_columns_that_its_page_documents(view: str, postgres: Engine) -> None:
    question = (
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{views.SCHEMA}' AND table_name = '{view}' ORDER BY ordinal_position"
    )
    assert [tuple(row) for row in _rows(postgres, question)] == _documented(view)


def test_the_current_segment_of_everybody_is_what_the_api_answers(processed: Engine) -> None:
    rows = _rows(processed, "SELECT * FROM segue_read.current_segments ORDER BY customer_id")
    assert len(rows) == len({row.customer_id for row in rows}) > 50
    assert {row.cause for row in rows} >= {None, "decay", "model"}
    assert len({row.model_version for row in rows}) == 1
    for row, answer in zip(rows, _answers(processed, [row.customer_id for row in rows]), strict=True):
        assert (row.segment, row.persona) == (
            (None, None) if answer.segment is None else (answer.segment.id, answer.segment.persona)
        )
        assert (row.next_change_at, row.next_segment, row.next_persona) == (
            (None, None, None)
            if answer.next_change is None
            else (answer.next_change.at, answer.next_change.to.id, answer.next_change.to.persona)
        )
        money = tuple(money_text(to_money_units(each)) for each in (row.monetary, row.gross, row.returned))
        assert money == (answer.monetary, answer.gross, answer.returned)
        for name in ("since", "sequence", "recency_days", "frequency", "first_purchase_at", "last_purchase_at"):
            assert getattr(row, name) == getattr(answer, name), name
        assert (row.country, row.model_version) == (answer.country, answer.model_version)
        assert row.cause == (None if answer.why is None else answer.why.cause)


def test_a_change_is_what_the_topic_publishes(processed: Engine) -> None:
    personas = model_registry.personas(processed)
    with processed.connect() as connection:
        stored = connection.execute(select(segment_changes).order_by("partition", "position")).all()
    rows = _rows(processed, "SELECT * FROM segue_read.segment_changes ORDER BY partition, position")
    assert len(rows) == len(stored) > 100
    for row, change in zip(rows, stored, strict=True):
        data = msgspec.json.decode(change_event(ChangeRow.of(change), personas))["data"]
        before = (data["from"] or {"id": None, "persona": None}).values()
        assert (row.from_segment, row.from_persona) == tuple(before)
        assert (row.to_segment, row.to_persona) == tuple(data["to"].values())
        for name in ("customer_id", "sequence", "cause", "recency_days", "frequency", "transaction_id"):
            assert getattr(row, name) == data[name], name
        assert money_text(to_money_units(row.monetary)) == data["monetary"]


def test_a_risk_change_is_what_the_topic_publishes(predicting: Engine) -> None:
    with predicting.connect() as connection:
        stored = connection.execute(select(risk_changes).order_by("partition", "position")).all()
    rows = _rows(predicting, "SELECT * FROM segue_read.risk_changes ORDER BY partition, position")
    assert len(rows) == len(stored) > 100
    moments = ("effective_at", "last_purchase_at", "next_at")
    for row, change in zip(rows, stored, strict=True):
        published = {name: getattr(change, name) for name in RiskRow._fields}
        for name in moments:
            published[name] = None if published[name] is None else to_micros(published[name])
        data = msgspec.json.decode(risk_event(RiskRow(**published)))["data"]
        assert (row.from_state, row.to_state) == (data["from"], data["to"])
        for name in ("customer_id", "sequence", "cause", "frequency", "next_state", "rhythm_version", "transaction_id"):
            assert getattr(row, name) == data[name], name
        for name in moments:
            said = data[name] and datetime.fromisoformat(data[name])
            assert getattr(row, name) == said, name
        assert (row.partition, row.position) == (change.partition, change.position)


def test_the_current_risk_state_of_everybody_is_what_the_api_answers(predicting: Engine) -> None:
    rows = _rows(predicting, "SELECT * FROM segue_read.current_risk_states ORDER BY customer_id")
    assert {row.risk_state for row in rows} == {*RISK_STATES}
    for row, answer in zip(rows, _answers(predicting, [row.customer_id for row in rows]), strict=True):
        assert answer.risk is not None
        assert (row.risk_state, row.since) == (answer.risk.state, answer.risk.since)
        assert row.next_at == (None if answer.risk.next is None else answer.risk.next.at)
        assert (row.frequency, row.last_purchase_at, row.as_of) == (answer.frequency, answer.last_purchase_at, NOW)
    last = {row.customer_id: row for row in _rows(predicting, "SELECT * FROM risk_changes ORDER BY sequence")}
    for row in rows:
        change = last[row.customer_id]
        assert (row.cause, row.sequence, row.rhythm_version) == (change.cause, change.sequence, change.rhythm_version)


def test_the_segments_of_every_model_are_listed(processed: Engine) -> None:
    rows = _rows(processed, "SELECT model_version, segment, persona, champion FROM segue_read.segments")
    wanted = {
        (model.version, each.id, each.name, model.version == a_model().version)
        for model in (a_model(), GROSS)
        for each in model.segments
    }
    assert {tuple(row) for row in rows} == wanted


def test_the_statements_of_the_page_run_as_a_reader(processed: Engine, migrated_url: str) -> None:
    questions = re.findall(r"^SELECT .*?;$", PAGE, re.MULTILINE)
    assert len(questions) == 6
    with connect(migrated_url) as connection:
        connection.execute("SET ROLE segue_reader")
        for question in questions:
            connection.execute(question.encode()).fetchall()


def test_a_reader_gets_the_views_only(predicting: Engine, migrated_url: str) -> None:
    with connect(migrated_url, autocommit=True) as connection:
        connection.execute("SET ROLE segue_reader")
        for view in views.VIEWS:
            assert connection.execute(f"SELECT count(*) FROM segue_read.{view}".encode()).fetchone() != (0,)
            with pytest.raises((InsufficientPrivilege, ObjectNotInPrerequisiteState)):
                connection.execute(f"DELETE FROM segue_read.{view}".encode())
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"DROP VIEW segue_read.{view}".encode())
        for table in (
            "customers",
            "segment_changes",
            "risk_states",
            "risk_changes",
            "models",
            "stream_progress",
            "api_keys",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"SELECT FROM {table}".encode())
        with pytest.raises(InsufficientPrivilege):
            connection.execute("CREATE VIEW segue_read.mine AS SELECT 1")


def test_views_that_are_up_to_date_are_left_alone_while_somebody_reads_them(database_url: str) -> None:
    migrate(database_url)
    with connect(database_url) as reading:
        reading.execute("SELECT FROM segue_read.current_segments")
        assert migrate(database_url) == ([], [])


def test_a_view_that_is_gone_comes_back_with_the_next_migration(database_url: str) -> None:
    migrate(database_url)
    with connect(database_url, autocommit=True) as owner:
        owner.execute("DROP VIEW segue_read.current_segments")
        assert migrate(database_url) == ([], [])
        owner.execute("SET ROLE segue_reader")
        assert owner.execute("SELECT FROM segue_read.current_segments").fetchall() == []


def test_a_schema_that_an_administrator_made_is_used(database_url: str) -> None:
    """The user that migrates may create tables, and no schema."""
    with connect(database_url, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS small")
        owner.execute("CREATE ROLE small LOGIN")
        owner.execute("GRANT ALL ON SCHEMA public TO small")
        plain = make_url(database_url).set(username="small").render_as_string(hide_password=False)
        migrate(plain)
        assert owner.execute("SELECT to_regnamespace('segue_read')").fetchone() == (None,)
        [statement] = [each for each in migrate(plain).refused if "SCHEMA segue_read" in each]
        owner.execute(statement.encode())
        assert not [each for each in migrate(plain).refused if "segue_read" in each]
        owner.execute("SET ROLE segue_reader")
        assert owner.execute("SELECT FROM segue_read.segments").fetchall() == []
        owner.execute("RESET ROLE")
        owner.execute("DROP OWNED BY small CASCADE")
        owner.execute("DROP ROLE small")


def _answers(database: Engine, customers: list[str]) -> list[Customer]:
    async def ask() -> list[Customer]:
        reader = CustomerReader(database.url.render_as_string(hide_password=False))
        try:
            found = [await reader.customer(each) for each in customers]
        finally:
            await reader.close()
        return [each for each in found if each is not None]

    return asyncio.run(ask())


def test_one_customer_is_found_by_an_index(processed: Engine) -> None:
    database = engine(processed.url.render_as_string(hide_password=False))
    with database.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        question = "EXPLAIN SELECT * FROM segue_read.current_segments WHERE customer_id = '12301'"
        plan = "\n".join(connection.execute(text(question)).scalars())
    database.dispose()
    assert "customers_pkey" in plan
    assert "Seq Scan on customers" not in plan
