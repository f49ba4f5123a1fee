"""Compare the stored changes of risk state with a recomputation from the raw file, for all customers.

    PYTHONPATH=. .venv/bin/python benchmarks/risk_events_evidence.py FILE [--fit-until 2011-09-01] [--broker apache]

Replays FILE through a local stack of its own, with a model of the file's first part that predicts orders. Every row of
risk_changes must be one of batch/risk_history.py, which counts orders one by one and finds moments by bisection; no row
may be missing. The topic must have each of them once, in the order of each customer. Exit code 1 if anything differs,
or if nothing was compared.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pandas as pd
from sqlalchemy import Engine, select

from batch.fit_predictions import fit_with_predictions
from batch.ledger import KEY
from batch.risk_history import PastRiskChange, expected_risk_changes
from data.contract.events import RiskChanged
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.datasets.selection import default_cutoff
from data.kafka.read_to_end import read_topic
from data.postgres import progress
from data.postgres.expressions import micros
from data.postgres.frames import frame
from data.postgres.tables import customers, risk_changes, stream_progress
from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.units import to_micros
from runtime.settings import Settings
from tests.support.local_stack import Local, local, wait_until

_MOMENTS = ("effective_at", "last_purchase_at", "next_at")
_COLUMNS = [*PastRiskChange._fields]


def main() -> int:
    """Replay, recompute and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    parser.add_argument("--broker", choices=["embedded", "apache"], default="embedded")
    parser.add_argument("--fit-until", type=lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC), metavar="DAY")
    arguments = parser.parse_args()
    dataset = load(arguments.file)
    model = fit_with_predictions(dataset, arguments.fit_until or default_cutoff(dataset))
    rhythm = rhythm_of(model)
    if rhythm is None:
        parser.error("no rhythm model can be fitted on the beginning of this file")
    with (
        tempfile.TemporaryDirectory(prefix="segue-evidence-") as folder,
        local(Path(folder), model, broker=arguments.broker) as run,
    ):
        began = time.monotonic()
        sent = run.replay(dataset)
        sys.stdout.write(f"replayed {sent:,} transactions in {time.monotonic() - began:.0f} s\n")
        wait_until(lambda: not progress.unpublished(run.postgres))
        return compare(run, dataset, rhythm)


def compare(run: Local, dataset: Dataset, rhythm: RhythmModel) -> int:
    """Print what was compared and what differs; the exit code."""
    stored, expected = _stored(run.postgres), _expected(run.postgres, dataset, rhythm)
    published = _published(run.settings)
    both = stored.merge(expected, how="outer", on=_COLUMNS, indicator=True)
    differences = both[both["_merge"] != "both"]
    sys.stdout.write(
        f"{len(stored):,} changes of risk state of {stored['customer_id'].nunique():,} customers are stored, "
        f"{len(expected):,} expected, {len(differences):,} differences\n"
    )
    for name in ("cause", "to_state"):
        counts = ", ".join(f"{value} {count:,}" for value, count in stored[name].value_counts().items())
        sys.stdout.write(f"by {name}: {counts}\n")
    # A stable sort by customer keeps the order of the topic.
    in_order = published.sort_values("customer_id", kind="stable").reset_index(drop=True)
    same = in_order.equals(stored.sort_values(["customer_id", "sequence"]).reset_index(drop=True))
    sys.stdout.write(
        f"{len(published):,} events in the topic, {'each' if same else 'NOT each'} row once and in order\n"
    )
    if len(differences):
        sys.stdout.write(f"{differences.sort_values(['customer_id', 'sequence']).head(20).to_string()}\n")
    return 1 if len(differences) or not same or not len(stored) else 0


def _stored(postgres: Engine) -> pd.DataFrame:
    """All rows of risk_changes, as :class:`batch.risk_history.PastRiskChange`."""
    table = risk_changes.c
    columns = [micros(table[name]).label(name) if name in _MOMENTS else table[name].label(name) for name in _COLUMNS]
    with postgres.connect() as connection:
        return _plain(frame(connection, select(*columns)))


def _published(settings: Settings) -> pd.DataFrame:
    """All events in the topic, in the order in which they are read."""
    decode = msgspec.json.Decoder(RiskChanged).decode
    found = (
        decode(message.value() or b"").data
        for message in read_topic(settings.brokers, settings.risk_changes_topic, "evidence")
    )
    names = {"from_state": "from_", "to_state": "to"}
    rows = [[_micros(getattr(change, names.get(name, name))) for name in _COLUMNS] for change in found]
    return _plain(pd.DataFrame(rows, columns=_COLUMNS, dtype=object))


def _micros(value: object) -> object:
    return to_micros(value) if isinstance(value, datetime) else value


def _expected(postgres: Engine, dataset: Dataset, rhythm: RhythmModel) -> pd.DataFrame:
    transactions = dataset.transactions.drop_duplicates(KEY)
    sales = transactions[transactions["kind"] == "sale"]
    orders = sales.assign(moment=sales["occurred_at"].dt.as_unit("us").astype("int64"))
    partitions = stream_progress.c
    watermarks = select(customers.c.customer_id, micros(partitions.event_time).label("until")).join_from(
        customers, stream_progress, partitions.partition == customers.c.partition
    )
    with postgres.connect() as connection:
        until = frame(connection, watermarks).set_index("customer_id")["until"]
    return _plain(expected_risk_changes(orders, until, rhythm))


def _plain(changes: pd.DataFrame) -> pd.DataFrame:
    """The changes with one kind of missing value in all columns, so that two frames can be merged."""
    objects = changes[_COLUMNS].astype(object)
    objects["next_at"] = [None if pd.isna(moment) else int(moment) for moment in objects["next_at"]]
    return objects.where(objects.notna(), None)


if __name__ == "__main__":
    sys.exit(main())
