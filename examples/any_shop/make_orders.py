"""Write an export of orders as a shop in Berlin has it: Shopify's columns, saved again by a German spreadsheet.

Semicolons separate the columns, commas the decimals, and dates have the day first. Some orders have no customer, some
were cancelled, voided, or paid back. The same number of orders always gives the same file, and what it must come to.
"""

import csv
import random
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

COLUMNS = (
    "Name",
    "Email",
    "Financial Status",
    "Currency",
    "Subtotal",
    "Shipping",
    "Total",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem sku",
    "Billing Country",
    "Cancelled at",
    "Refunded Amount",
)
GOODS = (
    ("Tasse Grün", "4.90"),
    ("Teller, groß", "12.50"),
    ("Krug 1½ l", "1049.00"),
    ("Löffel", "2.95"),
    ("Schale", "19.00"),
)
COUNTRIES = ("DE", "DE", "DE", "AT", "CH", "")
SHIPPING = Decimal("3.90")
BEGIN, DAYS = datetime(2023, 1, 2, 9, 30), 540  # noqa: DTZ001 (the export has local times)
SEED = 20230102


@dataclass
class Expected:
    """What the export must come to."""

    transactions: int = 0
    sales: int = 0
    returns: int = 0
    guest_invoices: int = 0
    gross: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)
    customers: set[str] = field(default_factory=set)


def make(path: Path, orders: int = 600) -> Expected:
    """Write the export; returns what it must come to."""
    chance = random.Random(SEED)  # noqa: S311 (made-up orders need no secret)
    expected = Expected()
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(COLUMNS)
        for number in range(orders):
            at = BEGIN + timedelta(days=DAYS * number // orders, minutes=chance.randrange(600))
            writer.writerows(_order(f"#{1001 + number}", at, chance, expected))
    return expected


def _order(name: str, at: datetime, chance: random.Random, expected: Expected) -> list[list[str]]:
    """The rows of an order: one for each product, of which only the first has the values of the order."""
    customer = "" if chance.random() < 0.06 else f"kunde{chance.randrange(140):03}@example.org"
    lines = [(*chance.choice(GOODS), chance.randint(1, 3)) for _ in range(chance.randint(1, 3))]
    subtotal = sum((Decimal(price) * quantity for _, price, quantity in lines), Decimal(0))
    total = subtotal + SHIPPING
    fate = chance.random()
    cancelled = f"{at + timedelta(hours=3):%d/%m/%Y %H:%M}" if fate < 0.04 else ""
    status = "voided" if 0.04 <= fate < 0.06 else "paid"
    refund = Decimal(0)
    if 0.06 <= fate < 0.09:
        status, refund = "refunded", total
    elif 0.09 <= fate < 0.14:
        status, refund = "partially_refunded", Decimal(lines[0][1])
    if customer and not cancelled and status != "voided":
        expected.transactions += 1 + bool(refund)
        expected.sales += 1
        expected.returns += bool(refund)
        expected.gross += total
        expected.returned += refund
        expected.customers.add(customer)
    expected.guest_invoices += 0 if customer else 1 + bool(refund)
    first = [
        name,
        customer,
        status,
        "EUR",
        _amount(subtotal),
        _amount(SHIPPING),
        _amount(total),
        f"{at:%d/%m/%Y %H:%M}",
    ]
    last = [chance.choice(COUNTRIES), cancelled, _amount(refund)]
    rows = []
    for row, (title, price, quantity) in enumerate(lines):
        line = [str(quantity), title, _amount(Decimal(price)), f"SKU{title[:2]}"]
        blank = [name, "", "", "", "", "", "", first[-1]]
        rows.append([*(blank if row else first), *line, *(("", "", "") if row else last)])
    return rows


def _amount(number: Decimal) -> str:
    """An amount as a German spreadsheet writes it, such as 1.049,00."""
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
