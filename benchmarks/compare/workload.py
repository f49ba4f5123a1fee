"""The invoices of a benchmark: the same ones for the same size, as JSON lines in the order of the log.

Each has about 1.1 KB. Customers differ in how often they buy, one invoice in twenty is a return, and event time covers
a year.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from data.contract.wire import Tick
from models.units import MICROS_PER_DAY, from_micros, to_micros

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 365
END = BEGIN + timedelta(days=DAYS)

_LINES = 9
_PRODUCTS = 400
_RETURNS = 0.05
_SEED = 16
_COUNTRIES = ["United Kingdom"] * 8 + ["Germany", "France"]
_WORDS = (
    "WHITE",
    "HANGING",
    "HEART",
    "LIGHT",
    "HOLDER",
    "VINTAGE",
    "PAPER",
    "LUNCH",
    "BAG",
    "RETROSPOT",
    "METAL",
    "SIGN",
)


class Message(NamedTuple):
    """A record to be written: its customer (None for a tick, which goes to every partition), and its value."""

    customer: str | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Workload:
    """A number of invoices of some customers.

    Parameters
    ----------
    invoices, customers
        How many invoices there are, and how many customers they are drawn from.
    every
        The customers are every ``every``-th one of a larger population: ``c0000000``, then ``c`` and ``every``, ...
    """

    invoices: int
    customers: int
    every: int = 1

    def write(self, file: Path) -> None:
        """Write the invoices as JSON lines."""
        with file.open("wb") as lines:
            lines.writelines(value + b"\n" for value in self._values())

    def _values(self) -> Iterator[bytes]:
        rng = random.Random(_SEED)  # noqa: S311 - not for secrets
        catalogue = _catalogue(rng)
        begin = to_micros(BEGIN)
        step = DAYS * MICROS_PER_DAY // self.invoices
        for number in range(self.invoices):
            # The square makes some customers buy far more often than others.
            customer = int(self.customers * rng.random() ** 2)
            lines = rng.choices(catalogue, k=_LINES)
            pence = sum(amount for amount, _ in lines)
            kind = "return" if rng.random() < _RETURNS else "sale"
            at = from_micros(begin + number * step + rng.randrange(step)).isoformat()
            yield (
                f'{{"type":"transaction","transaction_id":"{number:08d}","customer_id":"{self.customer(customer)}",'
                f'"occurred_at":"{at}","kind":"{kind}","amount":"{pence // 100}.{pence % 100:02d}","currency":"GBP",'
                f'"country":"{rng.choice(_COUNTRIES)}","lines":[{",".join(line for _, line in lines)}]}}'
            ).encode()

    def customer(self, number: int) -> str:
        """The id of a customer, by number."""
        return customer_id(number * self.every)


def customer_id(number: int) -> str:
    """The id of a member of the population."""
    return f"c{number:07d}"


class _Envelope(msgspec.Struct):
    customer_id: str
    occurred_at: datetime


def messages(file: Path, ticks: bool = False) -> Iterator[Message]:
    """The records of a log: the invoices of a file, with a tick at every midnight and at the end if ``ticks``."""
    decode = msgspec.json.Decoder(_Envelope).decode
    midnight = BEGIN + timedelta(days=1)
    with file.open("rb") as lines:
        for line in lines:
            invoice = decode(line)
            while ticks and invoice.occurred_at > midnight:
                yield tick(midnight)
                midnight += timedelta(days=1)
            yield Message(invoice.customer_id, line.rstrip(b"\n"))
    while ticks and midnight <= END:
        yield tick(midnight)
        midnight += timedelta(days=1)


def tick(at: datetime) -> Message:
    """A tick as a record for every partition."""
    return Message(None, msgspec.json.encode(Tick(at)))


def _catalogue(rng: random.Random) -> list[tuple[int, str]]:
    """Lines of invoices: their amounts in pence, and their JSON."""
    lines = []
    for number in range(_PRODUCTS):
        pence, quantity = rng.randrange(25, 1_500), rng.choice((1, 1, 2, 3, 6, 12))
        name = " ".join(rng.choices(_WORDS, k=5))
        price = f"{pence // 100}.{pence % 100:02d}"
        json = f'{{"stock_code":"{20_000 + number}","description":"{name}","quantity":{quantity},"price":"{price}"}}'
        lines.append((pence * quantity, json))
    return lines
