"""Champions who are silent for long, and where the page "At risk" lists them: the numbers of docs/predictions.md.

    PYTHONPATH=. .venv/bin/python benchmarks/risk_evidence.py FILE [--now 2011-09-01]

FILE is a dataset of two years such as Online Retail II. Segments are those of a model of its first year; the rhythm
model is fitted on everything before the day of the list. Only the column "came back" knows what happened after it.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from batch.risk_evidence import silent_customers
from benchmarks.page_tables import table
from data.datasets.load import load
from data.datasets.selection import default_cutoff

HEAD = ["rank", "customer", "orders", "usual gap, days", "silent, days", "spent so far", "at stake"]
DAY = datetime(2011, 9, 1, tzinfo=UTC)


def main() -> None:
    """Fit, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    parser.add_argument("--now", type=lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC), default=DAY)
    arguments = parser.parse_args()
    dataset = load(arguments.file)
    found = silent_customers(dataset, default_cutoff(dataset), arguments.now)
    rows = [
        [
            *(f"{each.rank:,}", each.customer_id, str(each.orders), f"{each.gap_days:.1f}", str(each.silent_days)),
            *(f"{each.spent:,.0f}", f"{each.at_stake:,.0f}", f"{each.p_order:.0%}", f"`{each.state}`"),
            "yes" if each.came_back else "no",
        ]
        for each in found.silent
    ]
    spent, back = sum(each.spent for each in found.silent), sum(each.came_back for each in found.silent)
    sys.stdout.write(
        f"{found.customers:,} customers in the list, {found.in_segment:,} of them Champions; {len(rows)} Champions, "
        f"who spent {spent:,.0f}, are silent for more than four times their usual gap; {back} of them came back.\n\n"
        f"{table([*HEAD, 'P(orders within 90 days)', 'risk state', 'came back'], rows)}\n"
    )


if __name__ == "__main__":
    main()
