"""Compare `segue as-of` with a recomputation from the raw file, at random moments, for all customers.

    PYTHONPATH=. .venv/bin/python benchmarks/as_of_evidence.py FILE [--dates 20] [--seed 1]

A stack into which FILE was replayed must be running. pandas and scikit-learn recompute every customer; see
batch/reconcile_past.py. Exit code 1 if anything differs.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from batch.ledger import KEY
from batch.reconcile_history import expected_history
from batch.reconcile_past import differences, expected_states
from batch.scorer import Scorer
from data.datasets.load import load
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.past_moments import answerable
from data.postgres.past_states import past_states
from data.postgres.stream_state import read_stream_state
from runtime.settings import Settings


def main() -> int:
    """Recompute and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the dataset that was replayed")
    parser.add_argument("--dates", type=int, default=20, help="how many moments")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    arguments = parser.parse_args()
    url = Settings().database
    transactions = load(arguments.file).transactions.drop_duplicates(KEY)
    stream = read_stream_state(url)
    models = dict(model_registry.load_all(engine(url), stream.model_versions))
    changes = expected_history(transactions, stream, models)
    scorer = Scorer.of(next(iter(models.values()))) if len(models) == 1 else None
    compared = wrong = 0
    with engine(url).connect() as connection:
        for moment in _moments(connection, transactions, arguments.dates, arguments.seed):
            expected = expected_states(transactions, changes, moment, scorer)
            found = differences(expected, past_states(connection, moment))
            compared, wrong = compared + len(expected), wrong + len(found)
            sys.stdout.write(f"{moment:%Y-%m-%d %H:%M:%S}  {len(expected):,} customers, {len(found)} differences\n")
            sys.stdout.writelines(f"  {line}\n" for line in found[:5])
    sys.stdout.write(f"{compared:,} states of customers compared, {wrong} differences\n")
    return 1 if wrong or not compared else 0


def _moments(connection: Connection, transactions: pd.DataFrame, dates: int, seed: int) -> list[datetime]:
    """Random moments, every second one a midnight."""
    first, until = transactions["occurred_at"].min(), answerable(connection).watermark
    seconds = np.random.default_rng(seed).integers(0, int((until - first).total_seconds()), dates).tolist()
    moments = sorted(first + pd.Timedelta(seconds=each) for each in seconds)
    whole = [moment.ceil("D") if number % 2 else moment for number, moment in enumerate(moments)]
    return [min(moment, pd.Timestamp(until)).to_pydatetime() for moment in whole]


if __name__ == "__main__":
    raise SystemExit(main())
