"""What a trailing window does to segments, and whether the stream under one is what a recomputation from the file says.

    PYTHONPATH=. .venv/bin/python benchmarks/window_evidence.py FILE [--window 365]

First the models of ``segue fit`` with and without a window are applied to every customer on every day of FILE. Then
FILE is replayed through a local stack of its own, under the model with the window that is fitted on the first year.
pandas and scikit-learn recompute every change, at every transaction, expiry and day (batch/history.py), and all tables
(batch/reconcile.py). `segue backfill` must find the same changes, too. Exit code 1 if anything differs, or if no change
was an expiry.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score
from sqlalchemy import func, select

from batch.customer_days import CustomerDays, customer_days
from batch.fit import fit
from batch.order_book import OrderBook, order_book, orders_between
from batch.presets import PRESETS
from batch.profiles import profiles_as_of
from batch.reconcile_stream import check
from benchmarks.page_tables import table
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.datasets.selection import default_cutoff
from data.postgres.tables import segment_changes
from models.compare import segment_ids
from models.moves import BACK_WITHIN, direction, moves, to_and_fro
from models.scoring import assign
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, from_micros, to_micros
from services.backfill.run import backfill
from tests.support.local_stack import Local, local

QUARTER = 90 * MICROS_PER_DAY


def fitted(transactions: pd.DataFrame, until: int, window_days: int | None) -> SegmentModel:
    """The model of ``segue fit`` at a moment."""
    profiles = profiles_as_of(transactions, from_micros(until), window_days)
    return fit(profiles, **PRESETS["segue"]._replace(window_days=window_days)._asdict()).model


def evidence_row(
    transactions: pd.DataFrame, book: OrderBook, days: CustomerDays, until: int, window_days: int | None
) -> list[str]:
    """A model's names and sizes, and what it does to all customers: direction, moves to and fro, AUC."""
    model = fitted(transactions, until, window_days)
    numbers = assign(model, days.recency, days.frequency, days.monetary)
    found = moves(days.customer, days.at, days.cause, numbers)
    way, back = direction(found), to_and_fro(found, BACK_WITHIN)
    sizes = model.metadata["sizes"]
    return [
        "all orders" if window_days is None else f"{window_days} days",
        f"{from_micros(until):%Y-%m-%d}",
        ", ".join(f"{segment.name} {sizes[segment.id]:,}" for segment in model.segments),
        f"{way.climbs:,} of {way.by_time:,}",
        f"{way.falls:,} of {way.by_purchase:,}",
        f"{back:,} of {len(found.row):,}",
        _auc(model, transactions, book, until),
    ]


def _auc(model: SegmentModel, transactions: pd.DataFrame, book: OrderBook, until: int) -> str:
    """How well the segments at the moment rank who orders in the 90 days after it; nothing is known after the end."""
    if until + QUARTER > int(book.moment.max()):
        return "—"
    profiles = profiles_as_of(transactions, from_micros(until), model.window_days)
    numbers = segment_ids(profiles, model).map(model.index).to_numpy()
    place = pd.Index(book.customer_ids).get_indexer(pd.Index(profiles.index))
    ordered = orders_between(book, until, until + QUARTER)[0][place] > 0
    return f"{roc_auc_score(ordered, -numbers):.3f}"


def model_table(dataset: Dataset, window_days: int) -> str:
    """Models with and without the window, fitted after a year, 90 days before the end, and at the end."""
    book = order_book(dataset.transactions)
    begin, end = int(book.moment.min()), int(book.moment.max())
    moments = (begin + 365 * MICROS_PER_DAY, end - QUARTER, end)
    rows: list[list[str]] = []
    for days_counted in (None, window_days):
        days = customer_days(book, days_counted)
        rows += [evidence_row(dataset.transactions, book, days, until, days_counted) for until in moments]
    head = ["counts", "fitted", "customers", "climbs by time", "falls by a purchase", "to and fro", "AUC"]
    return table(head, rows)


def compare_stream(run: Local, dataset: Dataset, model: SegmentModel) -> int:
    """Print what the stream has, and what differs from the recomputations; the exit code."""
    causes = select(segment_changes.c.cause, func.count()).group_by(segment_changes.c.cause)
    with run.postgres.connect() as connection:
        counts = {row[0]: row[1] for row in connection.execute(causes)}
    by = ", ".join(f"{cause} {count:,}" for cause, count in sorted(counts.items(), key=lambda each: -each[1]))
    sys.stdout.write(f"changes by cause: {by}\n")
    found = check(run.settings.database, dataset, history=True)
    excused = () if found.history is None else found.history.not_comparable
    sys.stdout.write(
        f"recomputed from the file: {found.customers:,} customers and {found.changes:,} changes, "
        f"{len(found.differences):,} differences, {len(excused):,} customers not comparable\n"
    )
    with run.postgres.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        whole = backfill(connection, model, {model.version: model}, "month", _written, _progress)
    sys.stdout.write(
        f"backfill: {whole.changes:,} changes, of {whole.published:,} published; {whole.differing:,} differ\n"
    )
    if len(found.differences):
        sys.stdout.write(f"{found.differences.head(20).to_string()}\n")
    return int(bool(len(found.differences) or excused or whole.differing or not counts.get("expiry")))


def _written(*_: object) -> None:
    """Keep nothing of a part."""


def _progress(*_: object) -> None:
    """Show nothing."""


def main() -> int:
    """Fit, replay, recompute, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    parser.add_argument("--window", type=int, default=365, metavar="DAYS")
    arguments = parser.parse_args()
    dataset = load(arguments.file)
    sys.stdout.write(f"{model_table(dataset, arguments.window)}\n\n")
    sys.stdout.flush()
    cutoff = default_cutoff(dataset)
    model = fitted(dataset.transactions, to_micros(cutoff), arguments.window)
    with tempfile.TemporaryDirectory(prefix="segue-evidence-") as folder, local(Path(folder), model) as run:
        began = time.monotonic()
        sent = run.replay(dataset)
        sys.stdout.write(f"replayed {sent:,} transactions under {model.version} in {time.monotonic() - began:.0f} s\n")
        return compare_stream(run, dataset, model)


if __name__ == "__main__":
    sys.exit(main())
