"""The pages' states without data: no Postgres, no tables, no model, nothing streamed."""

import pytest
from sqlalchemy import Engine, text, update

from data.postgres.model_registry import register
from data.postgres.tables import metadata, models, stream_progress
from models.segment_model import SegmentModel
from tests.support.pages import a_page, html, words

# All that are drawn at an event time; Live and Operations have states of their own.
PAGES = ["at_risk", "audiences", "shifts", "segments", "customer", "simulator", "exploration", "model", "campaigns"]
# Every page reads at least one of these.
TABLES = ("customers", "segment_changes", "transactions", "campaigns")

every_page = pytest.mark.parametrize("name", PAGES)


@every_page
def test_without_postgres_a_page_says_where_it_looked_and_keeps_the_password(name: str) -> None:
    page = a_page(name, "postgresql://segue:hush@127.0.0.1:1/shop").run()
    assert "Postgres is not available" in words(page)
    assert "hush" not in html(page)


@every_page
def test_without_tables_a_page_says_how_to_make_them(name: str, database_url: str) -> None:
    assert "segue migrate" in words(a_page(name, database_url).run())


@every_page
def test_without_a_model_a_page_says_how_to_fit_one(name: str, database_url: str, engine: Engine) -> None:
    metadata.create_all(engine)
    assert "No segment model yet" in words(a_page(name, database_url).run())


@every_page
def test_before_anything_is_streamed_a_page_says_how_to_begin(
    name: str, database_url: str, engine: Engine, model: SegmentModel
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    assert "Nothing has been streamed yet" in words(a_page(name, database_url).run())


@every_page
def test_while_a_partition_is_silent_a_page_says_for_how_many_it_waits(
    name: str, database_url: str, filled: Engine
) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 1).values(event_time=None))
    shown = words(a_page(name, database_url).run())
    assert "1 of 2 partitions without a tick yet" in shown
    assert "Nothing has been streamed yet" not in shown


@every_page
def test_a_model_that_cannot_be_read_is_named(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(models).values(spec={"version": "broken"}))
    assert "The champion model can't be read" in words(a_page(name, database_url).run())


@every_page
def test_a_page_recovers_when_its_tables_exist_again(name: str, database_url: str, filled: Engine) -> None:
    page = a_page(name, database_url)
    _rename(filled, "{0}", "{0}_elsewhere")
    assert "The tables do not exist yet" in words(page.run())
    _rename(filled, "{0}_elsewhere", "{0}")
    shown = words(page.run())
    assert "The tables do not exist yet" not in shown
    assert "As of event time 15 Jun 2011, 09:30 (UTC)" in shown


@pytest.mark.parametrize("name", ["at_risk", "audiences", "shifts"])
def test_a_hostile_name_is_shown_and_not_run(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("UPDATE customers SET customer_id = '<img src=x onerror=alert(1)>' || customer_id"))
        connection.execute(
            text("UPDATE segment_changes SET customer_id = '<img src=x onerror=alert(1)>' || customer_id")
        )
    page = a_page(name, database_url).run()
    assert "<img src=x" not in html(page)
    assert "<img src=x onerror=alert(1)>" in words(page)


# Every page, in the states before the stream has begun.
ALL_PAGES = [*PAGES, "live", "operations"]
all_pages = pytest.mark.parametrize("name", ALL_PAGES)


@all_pages
def test_a_page_works_before_the_first_tick(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=None))
    assert words(a_page(name, database_url).run())


@all_pages
def test_a_page_works_after_a_tick_and_before_the_first_transaction(
    name: str, database_url: str, filled: Engine
) -> None:
    with filled.begin() as connection:
        for table in ("customers", "segment_changes", "transactions"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(update(stream_progress).values(transactions=0, change_position=0))
    assert words(a_page(name, database_url).run())


@all_pages
def test_a_page_works_with_claimed_partitions_and_nothing_else(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        for table in ("customers", "segment_changes", "transactions"):
            connection.execute(text(f"DELETE FROM {table}"))
        nothing = {"transactions": 0, "change_position": 0, "event_time": None, "next_offset": 0}
        connection.execute(update(stream_progress).values(**nothing))
    assert words(a_page(name, database_url).run())


@all_pages
def test_a_stream_that_has_no_model_yet_says_what_it_has_collected_and_what_to_do(
    name: str, database_url: str, filled: Engine
) -> None:
    with filled.begin() as connection:
        connection.execute(text("DELETE FROM segment_changes"))
        connection.execute(text("DELETE FROM model_aliases"))
        nobody = "segment = NULL, segment_since = NULL, sequence = 0, next_change_at = NULL, next_segment = NULL"
        connection.execute(text(f"UPDATE customers SET model_version = NULL, {nobody}"))
        collecting = "model_version = NULL, model_since = NULL, began_without_model = true, change_position = 0"
        connection.execute(text(f"UPDATE stream_progress SET {collecting}, published_position = 0"))
    shown = words(a_page(name, database_url).run())
    if name == "operations":
        assert "no model" in shown
    else:
        assert "No segment model yet" in shown
        assert "segue fit --from-stream" in shown


@all_pages
def test_a_page_works_while_partitions_wait_for_the_first_model(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("DELETE FROM segment_changes"))
        nobody = "segment = NULL, segment_since = NULL, sequence = 0, next_change_at = NULL, next_segment = NULL"
        connection.execute(text(f"UPDATE customers SET model_version = NULL, {nobody}"))
        collecting = "model_version = NULL, model_since = NULL, began_without_model = true, change_position = 0"
        connection.execute(text(f"UPDATE stream_progress SET {collecting}, published_position = 0"))
    assert words(a_page(name, database_url).run())


def _rename(engine: Engine, before: str, after: str) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"ALTER TABLE {before.format(table)} RENAME TO {after.format(table)}"))
