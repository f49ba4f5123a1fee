"""The currency of all amounts in the database: the first worker stores it, and it never changes."""

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import stream_currency
from runtime.errors import SegueError
from runtime.money import Money


class CurrencyError(SegueError):
    """The stored amounts are in another currency."""


def keep(engine: Engine, currency: str) -> None:
    """Store the currency of the stream, unless it has one.

    Raises
    ------
    CurrencyError
        If it has another one.
    """
    with engine.begin() as connection:
        # Of two first workers the second one waits here for the first one's row.
        connection.execute(insert(stream_currency).values(currency=currency).on_conflict_do_nothing())
        _compare(stored(connection), currency)


def check(engine: Engine, currency: str) -> None:
    """Make sure that amounts in a currency can be added to those of the stream, if it has any.

    Raises
    ------
    CurrencyError
        If the stream has another currency.
    """
    with engine.connect() as connection:
        _compare(stored(connection), currency)


def stored(connection: Connection) -> str | None:
    """The currency of the stream, as an ISO 4217 code; None before the first worker."""
    found: str | None = connection.execute(select(stream_currency.c.currency)).scalar_one_or_none()
    return found


def stored_money(engine: Engine, money: Money) -> Money:
    """How amounts of the stream are written: by the given rules, and in its own currency if it has one."""
    with engine.connect() as connection:
        return money.of(stored(connection))


def _compare(known: str | None, currency: str) -> None:
    if known is not None and known != currency:
        raise CurrencyError(
            f"the stream's amounts are in {known}, not in {currency}: set SEGUE_CURRENCY to {known}, "
            "or use another Postgres"
        )
