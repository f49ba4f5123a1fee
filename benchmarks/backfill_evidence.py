"""Compare `segue backfill` with a recomputation from the raw file, change by change, for all customers.

    PYTHONPATH=. .venv/bin/python benchmarks/backfill_evidence.py FILE [--model champion]

A stack into which FILE was replayed must be running, and no order may have been late or revised. scikit-learn scores
every customer on every day; see batch/history.py. Exit code 1 if anything differs.
"""

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from batch.history import CHANGE, expected_changes
from batch.ledger import KEY
from batch.scorer import Scorer
from data.datasets.load import load
from data.postgres import model_registry
from data.postgres.audience_members import at_one_moment
from data.postgres.database import engine
from models.segment_model import SegmentModel
from models.units import to_micros
from runtime.settings import Settings
from services.backfill.run import Backfill, backfill
from stream_app.core.columns import Cause, Changes

_NUMBERS = ("sequence", "effective_at", "recency_days", "frequency")
_MONEY = ("monetary", "gross", "returned")


def main() -> int:
    """Recompute and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the dataset that was replayed")
    parser.add_argument("--model", default="champion", help="a version or an alias of a registered model")
    arguments = parser.parse_args()
    postgres = engine(Settings().database)
    model = model_registry.find(postgres, arguments.model)
    models = {entry.model.version: entry.model for entry in model_registry.entries(postgres)}
    parts: list[pd.DataFrame] = []
    began = time.monotonic()
    with at_one_moment(postgres) as connection:
        found = backfill(
            connection, model, models, "month", lambda *part: parts.append(_rows(model, *part)), lambda *_: None
        )
    seconds = time.monotonic() - began
    expected = _expected(load(arguments.file).transactions, model, found)
    ours = pd.concat(parts, ignore_index=True)[CHANGE].astype("object")
    both = ours.merge(expected[CHANGE].astype("object"), how="outer", on=CHANGE, indicator=True)
    differences = both[both["_merge"] != "both"]
    sys.stdout.write(f"{len(ours):,} changes of {model.version} in {seconds:.1f} s, {len(expected):,} expected, ")
    sys.stdout.write(
        f"{len(differences):,} differences; {found.equal:,} are published\n{differences.head().to_string()}\n"
    )
    return 1 if len(differences) or not len(ours) else 0


def _rows(
    model: SegmentModel, customer_id: list[str], transaction_id: "pd.Series[str]", changes: Changes
) -> pd.DataFrame:
    """The changes as the rows of :func:`batch.history.expected_changes`."""
    ids, orders = [*(segment.id for segment in model.segments), None], [*transaction_id, None]
    causes = [cause.word for cause in Cause]
    return pd.DataFrame(
        {
            "customer_id": [customer_id[row] for row in changes.customer],
            "from_segment": [ids[number] for number in changes.from_segment],
            "to_segment": [ids[number] for number in changes.to_segment],
            "cause": [causes[number] for number in changes.cause],
            **{name: getattr(changes, name) for name in _NUMBERS},
            **{f"{name}_units": getattr(changes, name) for name in _MONEY},
            "model_version": model.version,
            "transaction_id": [orders[row] for row in changes.record],
        },
    )


def _expected(transactions: pd.DataFrame, model: SegmentModel, found: Backfill) -> pd.DataFrame:
    known = transactions.drop_duplicates(KEY)
    known = known[known["occurred_at"] <= found.known.until].sort_values("customer_id", kind="stable")
    events = known.assign(
        moment=known["occurred_at"].dt.as_unit("us").astype("int64"), model_version=model.version
    ).reset_index(drop=True)
    until = pd.Series(to_micros(found.known.until), pd.Index(events["customer_id"].unique()))
    return expected_changes(events, until, {model.version: Scorer.of(model)})


if __name__ == "__main__":
    sys.exit(main())
