"""The tables of the contenders that are not Segue, and how Python programs write them: COPY and upsert."""

from collections.abc import Mapping, Sequence

import psycopg

from benchmarks.compare.programs.profiles import Change, Profile
from models.units import MONEY_UNITS

#: ``applied`` counts transactions, so that the benchmark sees how far a program is.
CREATE = """
CREATE TABLE customers (
  customer_id text COLLATE "C" PRIMARY KEY,
  as_of bigint NOT NULL,
  bought bigint,
  frequency integer NOT NULL,
  gross numeric(24, 4) NOT NULL,
  returned numeric(24, 4) NOT NULL,
  segment text,
  sequence integer NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE changes (
  customer_id text COLLATE "C",
  sequence integer,
  from_segment text,
  to_segment text NOT NULL,
  effective_at bigint NOT NULL,
  frequency integer NOT NULL,
  transaction_id text NOT NULL,
  PRIMARY KEY (customer_id, sequence)
);
CREATE TABLE applied (id integer PRIMARY KEY, transactions bigint NOT NULL);
"""
_STAGE = "CREATE TEMPORARY TABLE staged (LIKE customers) ON COMMIT DELETE ROWS"
_COPY_CUSTOMERS = "COPY staged FROM STDIN"
_UPSERT = """
INSERT INTO customers SELECT * FROM staged
ON CONFLICT (customer_id) DO UPDATE SET as_of = excluded.as_of, bought = excluded.bought,
  frequency = excluded.frequency, gross = excluded.gross, returned = excluded.returned, segment = excluded.segment,
  sequence = excluded.sequence
"""
_COPY_CHANGES = "COPY changes FROM STDIN"
_COUNT = """
INSERT INTO applied VALUES (%s, %s)
ON CONFLICT (id) DO UPDATE SET transactions = applied.transactions + excluded.transactions
"""
_STORED = """
SELECT customer_id, as_of, bought, frequency, (gross * 10000)::bigint, (returned * 10000)::bigint, segment, sequence
FROM customers
"""
_NULL = r"\N"


def connect(database: str) -> psycopg.Connection:
    """A connection with a table for upserts."""
    connection = psycopg.connect(database, autocommit=True)
    connection.execute(_STAGE)
    return connection


def stored(connection: psycopg.Connection) -> dict[str, Profile]:
    """All customers, as a program that starts again finds them."""
    return {row[0]: Profile(*row[1:]) for row in connection.execute(_STORED)}


def save(
    connection: psycopg.Connection, touched: Mapping[str, Profile], changes: Sequence[Change], transactions: int
) -> None:
    """Write a batch in one database transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(_COPY_CUSTOMERS) as copy:
            copy.write("".join(_customer(name, profile) for name, profile in touched.items()))
        cursor.execute(_UPSERT)
        with cursor.copy(_COPY_CHANGES) as copy:
            copy.write("".join(_change(change) for change in changes))
        cursor.execute(_COUNT, [0, transactions])


def _customer(name: str, profile: Profile) -> str:
    bought = _NULL if profile.bought is None else profile.bought
    return (
        f"{name}\t{profile.as_of}\t{bought}\t{profile.frequency}\t{_money(profile.gross)}\t{_money(profile.returned)}\t"
        f"{profile.segment or _NULL}\t{profile.sequence}\n"
    )


def _change(change: Change) -> str:
    return (
        f"{change.customer_id}\t{change.sequence}\t{change.from_segment or _NULL}\t{change.to_segment}\t"
        f"{change.effective_at}\t{change.frequency}\t{change.transaction_id}\n"
    )


def _money(units: int) -> str:
    return f"{units // MONEY_UNITS}.{units % MONEY_UNITS:04d}"
