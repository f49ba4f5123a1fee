"""Query results as frames."""

import pytest
from sqlalchemy import cast, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import Numeric

from data.postgres.database import engine
from data.postgres.frames import frame, money_units


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
