"""Whether the intervals of campaigns are right when looked at daily: the numbers of docs/campaigns.md.

    PYTHONPATH=. .venv/bin/python benchmarks/campaign_evidence.py [FILE] [--seeds 20] [--campaigns 25]

Without FILE, each seed is a synthetic shop of its own; with FILE, customers of that dataset are the shop, and each seed
plants the effect anew. Effects of 0, 5 and 10 points are planted. The first table has one campaign for each seed, the
second one ``--campaigns`` for each seed, with other holdouts. Without an effect, a day whose interval excludes 0 is a
false alarm. Covered means that the intervals of all days contain the true difference.

``--simulated 1000`` prints a table of campaigns that are small or have very uneven amounts instead, from this many of
each kind.
"""

import argparse
import hashlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from batch.campaign_evidence import CheckedCampaign, CheckedIntervals, campaign, futures, simulated
from batch.order_book import OrderBook, order_book
from benchmarks.page_tables import table
from data.datasets.dataset import Dataset
from data.datasets.frames import clean
from data.datasets.load import load
from data.datasets.synthetic import generate
from models.units import from_micros


class Odd(NamedTuple):
    """A kind of small or odd campaign: as :func:`batch.campaign_evidence.simulated`, and the share held out."""

    customers: int
    holdout: float
    share: float
    effect: float
    spread: float


ODD = (
    Odd(100, 0.1, 0.2, 0.0, 2.0),
    Odd(300, 0.1, 0.05, 0.0, 2.0),
    Odd(300, 0.1, 0.05, 0.1, 2.0),
    Odd(1_000, 0.1, 0.02, 0.05, 2.5),
    Odd(1_000, 0.5, 0.3, 0.1, 1.5),
    Odd(200, 0.2, 0.8, 0.15, 1.5),
)
ODD_HEAD = ["customers", "held out", "buy anyway", "effect", "spread of log amounts"]
ODD_HEAD += ["share excluded 0", "share covered", "money excluded 0", "money covered"]
_SAID = (("share", "alarm"), ("share", "covered"), ("money", "alarm"), ("money", "covered"))
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
    parser.add_argument("--simulated", type=int, default=0, help="only small and odd campaigns, this many of each kind")
    arguments = parser.parse_args()
    if arguments.simulated:
        sys.stdout.write(f"{table(ODD_HEAD, [_odd(each, arguments.simulated) for each in ODD])}\n")
        return
    real = None if arguments.file is None else _book(load(arguments.file))
    found: dict[float, list[list[CheckedCampaign]]] = {effect: [] for effect in EFFECTS}
    for seed in range(arguments.seeds):
        book = real or _book(clean(generate(customers=arguments.customers, days=DAYS, seed=seed), "synthetic"))
        for effect, campaigns in found.items():
            campaigns.append(_run(book, effect, seed, arguments.campaigns))
    once = [row for effect, seeds in found.items() for row in _rows(effect, [each[0] for each in seeds])]
    often = [row for effect, seeds in found.items() for row in _rows(effect, [one for each in seeds for one in each])]
    sys.stdout.write(f"{table(HEAD, once)}\n\n{table(HEAD, often)}\n")


def _odd(kind: Odd, campaigns: int) -> list[str]:
    """A row for campaigns of 14 days with customers who are drawn anew for each."""
    found = []
    for seed in range(campaigns):
        people = simulated(kind.customers, kind.share, kind.effect, kind.spread, 14, seed)
        found.append(campaign(people, 14, kind.holdout, hashlib.sha256(f"odd {seed}".encode()).digest()))
    said = [f"{sum(getattr(getattr(each, of), what) for each in found) / campaigns:.1%}" for of, what in _SAID]
    return [
        *(f"{kind.customers:,}", f"{kind.holdout:.0%}", f"{kind.share:.0%}", f"{100 * kind.effect:.0f} points"),
        *(f"{kind.spread}", *said),
    ]


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


def _numbers(checked: list[CheckedIntervals], name: str) -> list[str]:
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
