"""The orders of a shop that goes live: a history in a file, and what comes after it."""

import csv
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

CUSTOMERS, DAYS = 1_500, 300
SEED = 20260301


@dataclass(frozen=True)
class Order:
    """An order as the shop knows it; ``at`` has whole seconds."""

    number: str
    customer: str
    at: datetime
    total: Decimal


def history(due: datetime) -> list[Order]:
    """Orders of the last two years.

    The newest order of each customer was a whole number of days before the moment ``due``. So at that moment a day
    passes for all of them, and some move to another segment although they do nothing.
    """
    chance = random.Random(SEED)  # noqa: S311 (made-up orders need no secret)
    found = []
    for customer in range(1, CUSTOMERS + 1):
        last = due - timedelta(days=1 + customer % DAYS)
        before = range(min(12, int(chance.expovariate(0.3))))
        earlier = [last - timedelta(hours=chance.randrange(24, 8_000)) for _ in before]
        for number, at in enumerate([*earlier, last]):
            total = Decimal(chance.randrange(500, 30_000)) / 100
            found.append(Order(f"h{customer}-{number}", f"customer{customer}@example.org", at, total))
    return sorted(found, key=lambda order: order.at)


def today(prefix: str, count: int, now: datetime) -> list[Order]:
    """Orders of this moment: of known customers and of new ones."""
    chance = random.Random(prefix)  # noqa: S311
    found = []
    for number in range(count):
        name = f"customer{chance.randrange(1, CUSTOMERS)}" if number % 2 else f"{prefix}{number}"
        total = Decimal(chance.randrange(500, 30_000)) / 100
        found.append(Order(f"{prefix}-{number}", f"{name}@example.org", now - timedelta(seconds=number), total))
    return found


def write(path: Path, orders: list[Order]) -> None:
    """Write orders as a CSV that Segue recognises."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("order id", "customer id", "ordered at", "total"))
        writer.writerows((order.number, order.customer, order.at.isoformat(), order.total) for order in orders)
