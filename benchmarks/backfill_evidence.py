"""Compare `segue backfill` with a recomputation from the raw file, change by change, for all customers.

    PYTHONPATH=. .venv/bin/python benchmarks/backfill_evidence.py FILE [--model champion]

A stack into which FILE was replayed must be running, and no order may have been late or revised. scikit-learn scores
every customer on every day; see batch/history.py. If the model carries predictions, its risk changes are compared with
those of batch/risk_history.py, a loop over the orders. Exit code 1 if anything differs.
"""

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from batch.history import CHANGE, expected_changes
from batch.ledger import KEY
from batch.risk_history import PastRiskChange, expected_risk_changes
from batch.scorer import Scorer
from data.datasets.load import load
from data.postgres import model_registry
from data.postgres.audience_members import at_one_moment
from data.postgres.database import engine
from models.decay import NEVER
from models.rhythm.carried import rhythm_of
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import RISK_STATES
from models.segment_model import SegmentModel
from models.units import to_micros
from runtime.settings import Settings
from services.backfill.run import Backfill, backfill
from stream_app.core.columns import Cause, SegmentChanges
from stream_app.core.risk_columns import RiskCause, RiskChanges

_NUMBERS = ("sequence", "effective_at", "recency_days", "frequency")
_MONEY = ("monetary", "gross", "returned")
_RISK = [*PastRiskChange._fields]
_RISK_NUMBERS = ("sequence", "effective_at", "frequency", "last_purchase_at")


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
    risk_parts: list[pd.DataFrame] = []
    began = time.monotonic()
    with at_one_moment(postgres) as connection:
        found = backfill(
            connection,
            model,
            models,
            "month",
            lambda *part: parts.append(_rows(model, *part)),
            lambda *_: None,
            write_risk=lambda *part: risk_parts.append(_risk_rows(*part)),
        )
    seconds = time.monotonic() - began
    transactions = _until(load(arguments.file).transactions, found)
    sys.stdout.write(f"{model.version} in {seconds:.1f} s\n")
    ours, expected = pd.concat(parts, ignore_index=True), _expected(transactions, model, found)
    differ = _differ("changes", ours[CHANGE], expected[CHANGE], found.equal)
    rhythm = rhythm_of(model)
    if rhythm is not None and found.risk is not None:
        ours, expected = pd.concat(risk_parts, ignore_index=True), _expected_risk(transactions, rhythm, found)
        differ |= _differ("risk changes", ours[_RISK], expected[_RISK], found.risk.equal)
    return int(differ)


def _differ(what: str, ours: pd.DataFrame, expected: pd.DataFrame, published: int) -> bool:
    """Print what differs; True if anything does, or if nothing was compared."""
    both = ours.astype("object").merge(expected.astype("object"), how="outer", on=[*ours.columns], indicator=True)
    differences = both[both["_merge"] != "both"]
    sys.stdout.write(
        f"{len(ours):,} {what}, {len(expected):,} expected, {len(differences):,} differences; {published:,} are "
        f"published\n{differences.head().to_string() if len(differences) else ''}"
    )
    return bool(len(differences)) or not len(ours)


def _rows(
    model: SegmentModel, customer_id: list[str], transaction_id: "pd.Series[str]", changes: SegmentChanges
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


def _risk_rows(customer_id: list[str], transaction_id: "pd.Series[str]", changes: RiskChanges) -> pd.DataFrame:
    """The changes as the rows of :func:`batch.risk_history.expected_risk_changes`."""
    states, orders = [*RISK_STATES, None], [*transaction_id, None]
    causes = [cause.word for cause in RiskCause]
    return pd.DataFrame(
        {
            "customer_id": [customer_id[row] for row in changes.customer],
            "from_state": [states[number] for number in changes.from_state],
            "to_state": [states[number] for number in changes.to_state],
            "cause": [causes[number] for number in changes.cause],
            **{name: getattr(changes, name) for name in _RISK_NUMBERS},
            "next_state": [states[number] for number in changes.next_state],
            "next_at": [None if at == NEVER else int(at) for at in changes.next_at],
            "transaction_id": [orders[row] for row in changes.record],
        },
        dtype=object,
    )


def _until(transactions: pd.DataFrame, found: Backfill) -> pd.DataFrame:
    """The orders that count, each once, with their moments in microseconds."""
    known = transactions.drop_duplicates(KEY)
    known = known[known["occurred_at"] <= found.known.watermark]
    return known.assign(moment=known["occurred_at"].dt.as_unit("us").astype("int64"))


def _expected_risk(transactions: pd.DataFrame, rhythm: RhythmModel, found: Backfill) -> pd.DataFrame:
    orders = transactions[transactions["kind"] == "sale"]
    until = pd.Series(to_micros(found.known.watermark), pd.Index(orders["customer_id"].unique()))
    return expected_risk_changes(orders, until, rhythm)


def _expected(transactions: pd.DataFrame, model: SegmentModel, found: Backfill) -> pd.DataFrame:
    known = transactions.sort_values("customer_id", kind="stable")
    events = known.assign(model_version=model.version).reset_index(drop=True)
    until = pd.Series(to_micros(found.known.watermark), pd.Index(events["customer_id"].unique()))
    return expected_changes(events, until, {model.version: Scorer.of(model)})


if __name__ == "__main__":
    sys.exit(main())
