"""Query results as frames."""

import pytest
from sqlalchemy import BigInteger, Engine, Text, cast, column, false, func, literal, select, text, values
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import Numeric

from data.postgres.database import engine
from data.postgres.frames import copied, frame, money_units


def test_a_broken_connection_raises_the_error_of_sqlalchemy(database_url: str) -> None:
    postgres = engine(database_url)
    with postgres.connect() as connection, pytest.raises(OperationalError):
        frame(connection, select(func.pg_terminate_backend(func.pg_backend_pid())))
    postgres.dispose()


def test_money_is_exact_and_columns_have_the_names_of_the_query(database_url: str) -> None:
    postgres = engine(database_url)
    query = select(money_units(cast("12345678901.2345", Numeric)).label("much"), money_units(cast("-0.01", Numeric)))
    with postgres.connect() as connection:
        found = frame(connection, query)
    postgres.dispose()
    assert found.iloc[0].tolist() == [123456789012345, -100]
    assert found.columns[0] == "much"


def test_copied_rows_are_those_of_a_query_whatever_is_in_a_text(postgres: Engine) -> None:
    texts = ['a,"b"', "two\nlines", "NA", "null", "carriage\rreturn", "\u2028", "\\N", " 1", "007", "%s", ":x"]
    rows = values(column("id", Text), column("number", BigInteger), name="rows").data(
        [(text, None if number == 3 else number * 10**15) for number, text in enumerate(texts)]
    )
    query = select(rows.c.id, rows.c.number, func.length(rows.c.id).label("size")).order_by(rows.c.number)
    with postgres.connect() as connection:
        found = copied(connection, query, {"id": "str"})
        expected = frame(connection, query)
    assert found["id"].tolist() == expected["id"].tolist()
    assert found["size"].tolist() == expected["size"].tolist()
    assert found["number"].isna().tolist() == [False] * 10 + [True]
    assert found["number"].dropna().tolist() == expected["number"].dropna().astype("int64").tolist()
    assert str(found["size"].dtype) == "int64"


def test_no_copied_row_is_an_empty_frame_with_all_columns(postgres: Engine) -> None:
    nothing = select(literal("x").label("id"), literal(1).label("number")).where(false())
    with postgres.connect() as connection:
        assert copied(connection, nothing, {"id": "str"}).columns.tolist() == ["id", "number"]


def test_a_copy_that_takes_too_long_raises_the_error_of_sqlalchemy(postgres: Engine) -> None:
    slow = select(func.count(func.pg_sleep(30)).label("number"))
    with postgres.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(OperationalError):
            copied(connection, slow, {})
