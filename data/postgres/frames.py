"""Query results as pandas frames. Unlike pandas' own reader, this does not wrap SQLAlchemy's errors."""

from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, Connection, Select
from sqlalchemy.sql.elements import ColumnElement

from models.units import MONEY_UNITS

AnySelect = Select[*tuple[Any, ...]]
#: The dtype of moments; Postgres stores microseconds.
MOMENT = pd.DatetimeTZDtype("us", "UTC")


def frame(connection: Connection, query: AnySelect) -> pd.DataFrame:
    """The rows of a query, with the query's column names."""
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


def money_units(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """An expression for a NUMERIC amount in whole ten-thousandths, computed exactly by Postgres."""
    return (amount * MONEY_UNITS).cast(BigInteger)
