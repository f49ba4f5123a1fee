"""Predicted against actual orders, in rolling quarters of a dataset: the tables of docs/predictions.md.

    PYTHONPATH=. .venv/bin/python benchmarks/prediction_evidence.py FILE [--quarters 4]

FILE is a dataset of two years such as Online Retail II. Every quarter is predicted by a model that was fitted, and
calibrated, on what happened before it.

- Quarters: customers predicted to order and customers who did, ranking (AUC) and the largest difference among tenths;
  for the plain MBG/NBD model, with the seasonal clock, and with calibration.
- What the page At risk would have said at the end of each quarter, for the calibrated model.
- Tenths: predicted and actual share of customers who order, for the calibrated model.
- Intervals: how many next orders came within the predicted intervals.
- Risk states: customers, and the share of them that ordered.
- Spend: predicted and actual mean spend of the last year by tenth, and whether amounts depend on the number of orders.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from batch.order_book import OrderBook, customers_at, order_book
from batch.prediction_evidence import (
    Quarter,
    chance_difference,
    interval_coverage,
    largest_difference,
    rolling_quarters,
    silent_regulars,
    spend_of_the_last_year,
    state_outcomes,
    tenth_means,
)
from benchmarks.page_tables import table
from data.datasets.load import load
from models.rhythm.prediction_check import TENTHS, check_predictions
from models.units import MICROS_PER_DAY, from_micros

MODELS = {
    "plain MBG/NBD": {"seasons": False, "calibrate": False},
    "with seasonal clock": {"seasons": True, "calibrate": False},
    "with clock and calibration": {"seasons": True, "calibrate": True},
}
SHARES = (0.5, 0.8)


def label(found: Quarter) -> str:
    """The first day of a quarter."""
    return f"{from_micros(found.begin):%Y-%m-%d}"


def quarters_table(runs: dict[str, list[Quarter]]) -> str:
    """Counts, ranking and largest difference of every model in every quarter."""
    rows = []
    for name, quarters in runs.items():
        for found in quarters:
            largest = largest_difference(tenth_means(found.probability, found.ordered))
            median, high = chance_difference(found.probability)
            rows.append(
                [
                    *(name, label(found), f"{len(found.ordered):,}", f"{found.probability.sum():,.0f}"),
                    *(f"{found.ordered.sum():,.0f}", f"{found.auc:.3f}", f"{100 * largest:.1f}"),
                    f"{100 * median:.1f} ({100 * high:.1f})",
                ]
            )
    head = ["model", "quarter from", "customers", "predicted to order", "ordered", "AUC", "largest difference, points"]
    return table([*head, "if all were true: median (95 %)"], rows)


def checks_table(quarters: list[Quarter]) -> str:
    """Predicted and actual customers, the allowance for chance and calibration, and the verdict."""
    rows = []
    for found in quarters:
        check = check_predictions(found.probability, found.ordered > 0)
        verdict = "predictions count wrong" if check.is_wrong else "within the allowance"
        numbers = (check.customers, check.predicted, check.ordered, check.standard_error, check.allowance)
        difference = f"{check.ordered / check.predicted - 1:+.0%}"
        rows.append([label(found), *(f"{number:,.0f}" for number in numbers), difference, verdict])
    head = ["quarter from", "customers", "predicted to order", "ordered", "standard error", "allowance", "difference"]
    return table([*head, "the page says"], rows)


def tenths_table(quarters: list[Quarter]) -> str:
    """Predicted and actual shares by tenth, in per cent."""
    rows = []
    for found in quarters:
        cells = [f"{100 * p:.0f} / {100 * y:.0f}" for p, y in tenth_means(found.probability, found.ordered)]
        rows.append([label(found), *cells])
    return table(["quarter from", *(f"tenth {number + 1}" for number in range(TENTHS))], rows)


def intervals_table(quarters: list[Quarter]) -> str:
    """Shares of next orders within the predicted intervals."""
    rows = [
        [label(found), f"{found.ordered.sum():,.0f}", *(f"{interval_coverage(found, share):.1%}" for share in SHARES)]
        for found in quarters
    ]
    return table(["quarter from", "customers who ordered", *(f"{share:.0%} interval" for share in SHARES)], rows)


def states_table(quarters: list[Quarter]) -> str:
    """Customers, their spend so far and the share that ordered, by risk state."""
    rows = [
        [label(found), f"`{each.state}`", f"{each.customers:,}", f"{each.spent:,.0f}", f"{each.ordered:.1%}"]
        for found in quarters
        for each in state_outcomes(found)
    ]
    return table(["quarter from", "state at its begin", "customers", "spent so far", "ordered in it"], rows)


def spend_table(book: OrderBook) -> str:
    """Predicted and actual mean spend of the last year by tenth."""
    found = spend_of_the_last_year(book)
    rows = [
        [str(number), f"{each.predicted:,.0f}", f"{each.actual:,.0f}"] for number, each in enumerate(found, start=1)
    ]
    mean = [float(np.mean([getattr(each, name) for each in found])) for name in ("predicted", "actual")]
    return table(["tenth", "predicted", "actual"], [*rows, ["all", *(f"{value:,.0f}" for value in mean)]])


def amounts_line(book: OrderBook) -> str:
    """Whether the mean amount of an order depends on the number of orders."""
    customers = customers_at(book, int(book.moment.max()))
    orders, spent = customers.histories.orders, customers.spent
    counted = (orders > 1) & (spent > 0)
    number, mean = np.log(orders[counted]), np.log(spent[counted] / orders[counted])
    return f"correlation of log(orders) and log(mean amount): {np.corrcoef(number, mean)[0, 1]:.2f}"


def silent_line(found: Quarter) -> str:
    """Regular customers who had been silent for long, by risk state."""
    states = ", ".join(f"{name} {count:,}" for name, count in silent_regulars(found).items())
    return f"at least 10 orders and silent for more than 4 times their mean interval on {label(found)}: {states}"


def clock_line(found: Quarter) -> str:
    """The rates of the clock, by half-month."""
    rates = ", ".join(f"{rate:.2f}" for rate in found.model.clock.rates)
    until = from_micros(found.begin - MICROS_PER_DAY)
    return f"rates of the clock, fitted until {until:%Y-%m-%d}, from the first half of January on: {rates}"


def main() -> None:
    """Fit, predict, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a dataset of two years")
    parser.add_argument("--quarters", type=int, default=4)
    arguments = parser.parse_args()
    book = order_book(load(arguments.file).transactions)
    runs = {name: list(rolling_quarters(book, arguments.quarters, **how)) for name, how in MODELS.items()}
    calibrated = runs["with clock and calibration"]
    for text in (
        quarters_table(runs),
        checks_table(calibrated),
        tenths_table(calibrated),
        intervals_table(calibrated),
        states_table(calibrated),
        spend_table(book),
        f"{silent_line(calibrated[-1])}\n{amounts_line(book)}\n{clock_line(calibrated[-1])}",
    ):
        sys.stdout.write(f"{text}\n\n")


if __name__ == "__main__":
    main()
