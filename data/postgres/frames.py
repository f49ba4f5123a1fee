"""Answers of Postgres as pandas frames. Errors stay SQLAlchemy's own: pandas would put one of its own around them."""

from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, Connection, Select
from sqlalchemy.sql.elements import ColumnElement

from models.units import MONEY_UNITS

AnySelect = Select[*tuple[Any, ...]]
#: The dtype of moments: Postgres knows microseconds.
MOMENT = pd.DatetimeTZDtype("us", "UTC")


def frame(connection: Connection, query: AnySelect) -> pd.DataFrame:
    """The answer to a query, with its own column names."""
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


def money_units(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """NUMERIC to whole ten-thousandths, in the database's own exact arithmetic."""
    return (amount * MONEY_UNITS).cast(BigInteger)
