"""SQL expressions that several queries share; importing them needs no pandas."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func


def micros(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment in microseconds since 1970, computed exactly by Postgres."""
    return cast(func.extract("epoch", moment) * 1_000_000, BigInteger)
