"""Whether the intervals of campaigns are right when looked at daily: the numbers of docs/campaigns.md.

    PYTHONPATH=. .venv/bin/python benchmarks/campaign_evidence.py [FILE] [--seeds 20] [--campaigns 25]

Without FILE, each seed is a synthetic shop of its own; with FILE, customers of that dataset are the shop, and each seed
plants the effect anew. Effects of 0, 5 and 10 points are planted. The first table has one campaign for each seed, the
second one ``--campaigns`` for each seed, with other holdouts. Without an effect, a day whose interval excludes 0 is a
false alarm. Covered means that the intervals of all days contain the true difference.
"""

import argparse
import hashlib
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np

from batch.campaign_evidence import Checked, CheckedCampaign, campaign, futures
from batch.order_book import OrderBook, order_book
from benchmarks.page_tables import table
from data.datasets.dataset import Dataset
from data.datasets.frames import clean
from data.datasets.load import load
from data.datasets.synthetic import generate
from models.units import from_micros

EFFECTS = (0.0, 0.05, 0.10)
HORIZON, HOLDOUT = 30, 0.1
DAYS = 400
HEAD = ["effect", "of", "campaigns", "excluded 0 on some day", "covered on all days", "half an interval at the end"]


def main() -> None:
    """Plant effects, run campaigns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="a dataset of a year or more")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--campaigns", type=int, default=25, help="campaigns for each seed in the second table")
    parser.add_argument("--customers", type=int, default=2_000, help="of a synthetic shop")
    arguments = parser.parse_args()
    real = None if arguments.file is None else _book(load(arguments.file))
    found: dict[float, list[list[CheckedCampaign]]] = {effect: [] for effect in EFFECTS}
    for seed in range(arguments.seeds):
        book = real or _book(clean(generate(customers=arguments.customers, days=DAYS, seed=seed), "synthetic"))
        for effect, campaigns in found.items():
            campaigns.append(_run(book, effect, seed, arguments.campaigns))
    once = [row for effect, seeds in found.items() for row in _rows(effect, [each[0] for each in seeds])]
    often = [row for effect, seeds in found.items() for row in _rows(effect, [one for each in seeds for one in each])]
    sys.stdout.write(f"{table(HEAD, once)}\n\n{table(HEAD, often)}\n")


def _book(dataset: Dataset) -> OrderBook:
    return order_book(dataset.transactions)


def _run(book: OrderBook, effect: float, seed: int, campaigns: int) -> list[CheckedCampaign]:
    """Campaigns with one planted effect; they begin a horizon before the last order of the shop."""
    begin = from_micros(int(book.moment.max())) - timedelta(days=HORIZON)
    shop = futures(book, begin, HORIZON, effect, seed)
    keys = (hashlib.sha256(f"{seed} {effect} {number}".encode()).digest() for number in range(campaigns))
    return [campaign(shop, HORIZON, HOLDOUT, key) for key in keys]


def _rows(effect: float, campaigns: list[CheckedCampaign]) -> list[list[str]]:
    """A row for the share of buyers and one for money."""
    measures = {"share of buyers": [each.share for each in campaigns], "money": [each.money for each in campaigns]}
    return [[f"{100 * effect:.0f} points", name, *_numbers(checked, name)] for name, checked in measures.items()]


def _numbers(checked: list[Checked], name: str) -> list[str]:
    alarms, covered = (sum(getattr(each, field) for each in checked) for field in ("alarm", "covered"))
    width = float(np.mean([each.width for each in checked]))
    count = len(checked)
    return [
        f"{count:,}",
        f"{alarms / count:.1%}",
        f"{covered / count:.1%}",
        f"{width:.2f}" if name == "money" else f"{100 * width:.1f} points",
    ]


if __name__ == "__main__":
    main()
