"""What the pages say when there is nothing to see: no Postgres, no tables, no model, nothing streamed."""

import pytest
from sqlalchemy import Engine, text, update

from data.registry import register
from data.tables import metadata, models, stream_progress
from models.segment_model import SegmentModel
from tests.support.pages import a_page, html, words

PAGES = ["slipping", "shifts"]

pytestmark = pytest.mark.parametrize("name", PAGES)


def test_without_postgres_a_page_says_where_it_looked_and_keeps_the_password(name: str) -> None:
    page = a_page(name, "postgresql://segue:hush@127.0.0.1:1/shop").run()
    assert "Postgres is away" in words(page)
    assert "hush" not in html(page)


def test_without_tables_a_page_says_how_to_make_them(name: str, database_url: str) -> None:
    assert "segue migrate" in words(a_page(name, database_url).run())


def test_without_a_model_a_page_says_how_to_fit_one(name: str, database_url: str, engine: Engine) -> None:
    metadata.create_all(engine)
    assert "No segment model yet" in words(a_page(name, database_url).run())


def test_before_anything_is_streamed_a_page_says_how_to_begin(
    name: str, database_url: str, engine: Engine, model: SegmentModel
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    assert "Nothing has been streamed yet" in words(a_page(name, database_url).run())


def test_while_a_partition_is_silent_a_page_says_for_how_many_it_waits(
    name: str, database_url: str, filled: Engine
) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 1).values(event_time=None))
    said = words(a_page(name, database_url).run())
    assert "1 of 2 partitions not heard from yet" in said
    assert "Nothing has been streamed yet" not in said


def test_a_model_that_cannot_be_read_is_named(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(models).values(spec={"version": "broken"}))
    assert "The champion model can't be read" in words(a_page(name, database_url).run())


def test_a_page_comes_back_with_postgres(name: str, database_url: str, filled: Engine) -> None:
    page = a_page(name, database_url)
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE customers RENAME TO elsewhere"))
        connection.execute(text("ALTER TABLE segment_changes RENAME TO elsewhere_too"))
    assert "The tables are not there yet" in words(page.run())
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO customers"))
        connection.execute(text("ALTER TABLE elsewhere_too RENAME TO segment_changes"))
    assert "The tables are not there yet" not in words(page.run())


def test_a_hostile_name_is_shown_and_not_run(name: str, database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("UPDATE customers SET customer_id = '<img src=x onerror=alert(1)>' || customer_id"))
        connection.execute(
            text("UPDATE segment_changes SET customer_id = '<img src=x onerror=alert(1)>' || customer_id")
        )
    page = a_page(name, database_url).run()
    assert "<img src=x" not in html(page)
    assert "<img src=x onerror=alert(1)>" in words(page)
