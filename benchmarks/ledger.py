"""What a ledger that is never pruned costs: bytes, and the time of a micro-batch's lookup, as it grows.

Fills the ledger of a temporary Postgres with orders of 100,000 customers, and looks 500 up at a time, half of which are
known, as a worker does for a micro-batch::

    python -m benchmarks.ledger --millions 1 4 16

Prints a Markdown table; docs/performance.md has the last one.
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, text

from data.postgres import ledger_lookup
from data.postgres.database import engine, migrate
from segue.local.postgres import LocalPostgres

_LOOKUPS, _BATCH, _CUSTOMERS = 200, 500, 100_000
# Ids as long as those of a shop: an order number of eight digits, and an address.
_FILL = text("""
INSERT INTO transactions (customer_id, transaction_id, occurred_at, kind, amount, country)
SELECT 'customer-' || number % :customers || '@example.org', (10000000 + number)::text,
       timestamptz '2020-01-01 UTC' + number * interval '1 second', 'sale', 12.50, 'United Kingdom'
FROM generate_series(CAST(:known AS bigint), CAST(:most AS bigint) - 1) AS number
""")
_SIZES = text("""
SELECT pg_table_size('transactions'), pg_relation_size('transactions_pkey'),
       pg_relation_size('transactions_occurred_at')
""")


def fill(postgres: Engine, known: int, most: int) -> None:
    """Add orders until there are ``most``."""
    with postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(_FILL, {"known": known, "most": most, "customers": _CUSTOMERS})
        connection.execute(text("VACUUM ANALYZE transactions"))


def lookup_seconds(postgres: Engine, most: int, dice: random.Random) -> float:
    """The median time of a lookup of orders, half of which are known."""
    seconds = []
    with postgres.connect() as connection:
        for _ in range(_LOOKUPS):
            numbers = [dice.randrange(2 * most) for _ in range(_BATCH)]
            customers = [f"customer-{number % _CUSTOMERS}@example.org" for number in numbers]
            began = time.perf_counter()
            ledger_lookup.known(connection, customers, [f"{10_000_000 + number}" for number in numbers])
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    """Measure each size, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--millions", type=int, nargs="+", default=[1, 4, 16])
    chosen = options.parse_args()
    print("| orders | table | key | BRIN | bytes an order | lookup of 500 |\n|---|---:|---:|---:|---:|---:|")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        server = LocalPostgres.start(Path(folder) / "postgres")
        try:
            migrate(server.url)
            postgres, known = engine(server.url), 0
            for millions in sorted(chosen.millions):
                fill(postgres, known, most := millions * 1_000_000)
                with postgres.connect() as connection:
                    sizes = connection.execute(_SIZES).one()
                seconds = lookup_seconds(postgres, most, random.Random(1))  # noqa: S311 (not for cryptography)
                known = most
                megabytes = " | ".join(f"{size / 1e6:,.1f} MB" for size in sizes)
                each, took = sum(sizes) / most, f"{1_000 * seconds:.1f} ms"
                print(f"| {millions} million | {megabytes} | {each:.0f} | {took} |", flush=True)  # noqa: T201
            postgres.dispose()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
