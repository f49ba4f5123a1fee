"""Evidence for the definition of segments: direction, to-and-fro and delay. The tables are in docs/segments.md.

    PYTHONPATH=. .venv/bin/python benchmarks/segment_evidence.py FILE

FILE is a dataset of two years such as Online Retail II. Every definition is fitted with KMeans on the customers after
one year, 90 days before the end, and at the end, and applied to every customer on every day of both years.

- Direction: the share of moves by time alone that climb, and of moves by a purchase that fall.
- To-and-fro: moves that lead back within 90 days to the segment that the customer had left.
- Delay: median days by which hysteresis delays moves that last for 30 days.
- AUC: how well the segments of 90 days before the end rank who orders in these 90 days.

*Plain* has neither a unit nor rank order. The first lines are of models that ``segue fit`` makes, scored as by workers.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from batch.customer_days import CustomerDays, customer_days
from batch.definitions import Definition
from batch.fit import fit
from batch.order_book import OrderBook, order_book
from batch.presets import PRESETS
from batch.profiles import profiles_as_of
from batch.segment_evidence import Evidence, evidence, order_auc
from benchmarks.page_tables import table
from data.datasets.load import load
from models.moves import BACK_WITHIN, direction, moves, to_and_fro
from models.scoring import assign
from models.units import MICROS_PER_DAY, from_micros

WINDOW = 365
QUARTER = 90 * MICROS_PER_DAY
PLAIN = Definition()
DEFINITIONS = {
    "plain": PLAIN,
    "recency weighs half": Definition(weights=(0.5, 1.0, 1.0)),
    "recency weighs double": Definition(weights=(2.0, 1.0, 1.0)),
    "recency in own waits": Definition(own_rhythm=True),
    "recency in units of 14 days": Definition(recency_unit=14),
    "recency in units of 30 days": Definition(recency_unit=30),
    "recency in units of 60 days": Definition(recency_unit=60),
    "recency in units of 90 days": Definition(recency_unit=90),
    "plain, in rank order": Definition(rank_order=True),
    "14 days, in rank order": Definition(recency_unit=14, rank_order=True),
    "30 days, in rank order": Definition(recency_unit=30, rank_order=True),
    "60 days, in rank order": Definition(recency_unit=60, rank_order=True),
    "90 days, in rank order": Definition(recency_unit=90, rank_order=True),
    "120 days, in rank order": Definition(recency_unit=120, rank_order=True),
    "own waits, in rank order": Definition(own_rhythm=True, rank_order=True),
}
WITH_MARGIN = Definition(recency_unit=90, rank_order=True, margin=0.1)
MARGINS = {
    f"{unit:g} days, in rank order, margin {margin:g}": Definition(recency_unit=unit, rank_order=True, margin=margin)
    for unit in (1, 30, 90)
    for margin in (0.05, 0.1, 0.25, 0.5)
}
KS = (4, 5, 6, 7)


def moments(book: OrderBook) -> list[int]:
    """After one year, 90 days before the end, and the end."""
    begin, end = int(book.moment.min()), int(book.moment.max())
    return [begin + 365 * MICROS_PER_DAY, end - QUARTER, end]


def direction_cell(found: Evidence) -> str:
    """Climbs by time and falls by a purchase, in per cent of the moves of that cause."""
    return f"{100 * found.direction.climb_share:.1f} / {100 * found.direction.fall_share:.1f}"


def fewer(found: list[Evidence], usual: list[Evidence]) -> list[str]:
    """By how much fewer moves lead back than with the plain definition, fitted at the same moments."""
    return [f"{1 - each.to_and_fro / other.to_and_fro:.0%}" for each, other in zip(found, usual, strict=True)]


def direction_table(book: OrderBook, days: CustomerDays, windowed: CustomerDays, usual: list[Evidence]) -> str:
    """Every definition with five segments, beside ``usual``, the plain one."""
    columns = moments(book)
    rows = []
    runs = [(name, definition, days) for name, definition in DEFINITIONS.items()]
    in_window = ("plain", "90 days, in rank order")
    runs += [(f"{name}, window of {WINDOW} days", DEFINITIONS[name], windowed) for name in in_window]
    for name, definition, history in runs:
        found = [evidence(definition, history, until, 5) for until in columns]
        auc = order_auc(definition, history, book, columns[1], 5)
        rows.append([name, *map(direction_cell, found), " / ".join(fewer(found, usual)), f"{auc:.3f}"])
    head = ["definition", "fitted after a year", "90 days before the end", "at the end", "fewer to-and-fro", "AUC"]
    return table(head, rows)


def k_table(book: OrderBook, days: CustomerDays) -> str:
    """The plain definition, that in rank order, and the default with a margin, by number of segments."""
    rows = []
    chosen = {name: DEFINITIONS[name] for name in ("plain", "plain, in rank order")} | {"with a margin": WITH_MARGIN}
    for name, definition in chosen.items():
        for k in KS:
            found = [evidence(definition, days, until, k) for until in moments(book)]
            names = ", ".join(found[-1].fitted.names)
            rows.append([name, str(k), *map(direction_cell, found), names])
    head = ["definition", "k", "fitted after a year", "90 days before the end", "at the end", "names at the end"]
    return table(head, rows)


def margin_table(book: OrderBook, days: CustomerDays, usual: list[Evidence]) -> str:
    """Hysteresis by margin: how much less to-and-fro than with ``usual``, the plain one, and the delay."""
    rows = []
    for name, definition in MARGINS.items():
        found = [evidence(definition, days, until, 5) for until in moments(book)]
        cells = [f"{less}, {each.delay:.1f} days" for less, each in zip(fewer(found, usual), found, strict=True)]
        rows.append([name, *cells])
    return table(["definition", "fitted after a year", "90 days before the end", "at the end"], rows)


def counts_line(found: Evidence) -> str:
    """The numbers behind the shares of the plain definition."""
    way = found.direction
    return (
        f"plain at the end: {way.climbs:,} of {way.by_time:,} moves by time climb, {way.falls:,} of "
        f"{way.by_purchase:,} moves by a purchase fall, {found.to_and_fro:,} of {found.moves:,} moves lead back"
    )


def product_lines(transactions: pd.DataFrame, book: OrderBook, days: CustomerDays, usual: list[Evidence]) -> str:
    """What the default of ``segue fit`` does, with the product's fit and scoring instead of the experiments'."""
    lines = []
    for until, plain in zip(moments(book), usual, strict=True):
        model = fit(profiles_as_of(transactions, from_micros(until)), **PRESETS["segue"]._asdict()).model
        numbers = assign(model, days.recency, days.frequency, days.monetary)
        found = moves(days.customer, days.at, days.cause, numbers)
        way, back = direction(found), to_and_fro(found, BACK_WITHIN)
        lines.append(
            f"segue fit at {from_micros(until):%Y-%m-%d}: {way.climbs:,} of {way.by_time:,} moves by time climb, "
            f"{way.falls:,} of {way.by_purchase:,} moves by a purchase fall, {back:,} of {len(found.row):,} moves lead "
            f"back, {1 - back / plain.to_and_fro:.0%} fewer than plain"
        )
    return "\n".join(lines)


def main() -> None:
    """Fit, apply, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    arguments = parser.parse_args()
    transactions = load(arguments.file).transactions
    book = order_book(transactions)
    days, windowed = customer_days(book), customer_days(book, WINDOW)
    usual = [evidence(PLAIN, days, until, 5) for until in moments(book)]
    sys.stdout.write(f"{product_lines(transactions, book, days, usual)}\n{counts_line(usual[-1])}\n\n")
    sys.stdout.flush()
    for text in (direction_table(book, days, windowed, usual), k_table(book, days), margin_table(book, days, usual)):
        sys.stdout.write(f"{text}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
