"""The currency of all amounts in the database: the first worker stores it, and with the first amount it is final."""

from typing import Any

from sqlalchemy import Connection, Engine, Select, select, update
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import stream_currency, stream_progress, transactions
from runtime.errors import Hint, SegueError
from runtime.money import Money


class CurrencyError(SegueError):
    """The stored amounts are in another currency."""


def keep(engine: Engine, currency: str) -> None:
    """Store the currency of the stream, unless it has amounts in another one.

    As long as no transaction has been applied, the currency may still be corrected. This fences every worker that runs
    with the former one: it can't claim a partition again.

    Raises
    ------
    CurrencyError
        If there are amounts in another currency.
    """
    with engine.begin() as connection:
        # Of two first workers the second one waits here for the first one's row.
        connection.execute(insert(stream_currency).values(currency=currency).on_conflict_do_nothing())
        known = connection.execute(select(stream_currency.c.currency).with_for_update()).scalar_one()
        if known == currency:
            return
        # First of all the fence: what other workers commit until it holds is seen below.
        connection.execute(update(stream_progress).values(epoch=stream_progress.c.epoch + 1))
        if connection.execute(select(transactions.c.customer_id).limit(1)).first() is not None:
            compare(known, currency)
        connection.execute(update(stream_currency).values(currency=currency))


def check(engine: Engine, currency: str) -> None:
    """Make sure that workers of the stream apply amounts in a currency.

    Raises
    ------
    CurrencyError
        If the stream has another one.
    """
    with engine.connect() as connection:
        compare(stored(connection), currency)


def stored(connection: Connection) -> str | None:
    """The currency of the stream, as an ISO 4217 code; None before the first worker."""
    found: str | None = connection.execute(stored_query()).scalar_one_or_none()
    return found


def stored_query() -> Select[Any]:
    """A query for :func:`stored`: one row with the code, or none."""
    return select(stream_currency.c.currency)


def stored_money(engine: Engine, money: Money) -> Money:
    """How amounts of the stream are written: by the given rules, and in its own currency if it has one."""
    with engine.connect() as connection:
        return money.of(stored(connection))


def compare(known: str | None, currency: str) -> None:
    """Make sure that a currency is the known one, if there is one.

    Raises
    ------
    CurrencyError
        If it is not.
    """
    if known is not None and known != currency:
        raise CurrencyError(
            f"the stream's amounts are in {known}, not in {currency}: set the currency to {known}; "
            "only before the first transaction can a worker with another one start",
            Hint.SET_THE_CURRENCY,
        )
