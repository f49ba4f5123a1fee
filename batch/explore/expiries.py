"""What leaves a trailing window if no customer buys: orders and returns, and customers who become inactive."""

from datetime import datetime, timedelta

import pandas as pd

from batch.dataset_frames import ask
from batch.explore import formats, style
from batch.explore.finding import Finding
from data.datasets.dataset import Dataset
from models.units import MICROS_PER_DAY, MONEY_UNITS, to_micros
from runtime.counts import many
from runtime.money import Money

#: At most this many bars, each of the same number of days.
MOST_BARS = 40
MONTH_DAYS = 30


def expiries(dataset: Dataset, as_of: datetime, window_days: int) -> pd.DataFrame:
    """What leaves the window on each day after a moment, up to the day on which nothing is left.

    Parameters
    ----------
    as_of
        Not before the last transaction. What happened ``window_days`` before a moment is no longer in its window.

    Returns
    -------
    DataFrame
        By ``day``, the number of whole days from the moment to its beginning: ``orders`` and ``returns`` that expire,
        their ``net`` amount (currency units), and ``customers`` whose last order expires: they become inactive.
    """
    # A moment that is exactly at the end of a day belongs to the next one.
    found = ask(
        dataset,
        """
        SELECT (expires_at - $now) // $day AS number, count(*) FILTER (kind = 'sale') AS orders,
               count(*) FILTER (kind = 'return') AS returns,
               sum(CASE kind WHEN 'sale' THEN amount_units ELSE -amount_units END)::BIGINT AS units,
               count(*) FILTER (is_last) AS customers
        FROM (
            SELECT kind, amount_units, occurred_at + $window AS expires_at, kind = 'sale' AND row_number() OVER (
                PARTITION BY customer_id, kind ORDER BY occurred_at DESC, number DESC
            ) = 1 AS is_last
            FROM transactions WHERE occurred_at > $now - $window AND occurred_at <= $now
        )
        GROUP BY ALL ORDER BY number
        """,
        {"now": to_micros(as_of), "day": MICROS_PER_DAY, "window": window_days * MICROS_PER_DAY},
    ).set_index("number")
    last = int(found.index.max()) if len(found) else -1
    found = found.reindex(range(last + 1), fill_value=0)
    return pd.DataFrame(
        {
            "orders": found["orders"],
            "returns": found["returns"],
            "net": found["units"] / MONEY_UNITS,
            "customers": found["customers"],
        }
    ).rename_axis("day")


def in_spans(by_day: pd.DataFrame, days: int) -> pd.DataFrame:
    """The columns of :func:`expiries` in spans of ``days`` days, by the first ``day`` of each."""
    return by_day.groupby(by_day.index // days * days).sum().rename_axis("day")


def what_expires(dataset: Dataset, as_of: datetime, window_days: int, money: Money) -> Finding:
    """Orders that leave the window, and the customers who become inactive with them."""
    width = -(-window_days // MOST_BARS)
    by_day = expiries(dataset, as_of, window_days)
    bars = in_spans(by_day, width)
    soon = by_day[by_day.index < MONTH_DAYS].sum()
    summary = (
        f"If no customer buys, the window loses {many(int(soon['orders']), 'order')} "
        f"({formats.amount(float(soon['net']), money)} net of returns) within {MONTH_DAYS} days, and "
        f"{many(int(soon['customers']), 'customer becomes', 'customers become')} Inactive."
    )
    figure = style.figure(320)
    moments = [as_of + timedelta(days=day) for day in bars.index.tolist()]
    for column, name, colour in (
        ("orders", "orders that leave the window", style.NEUTRAL),
        ("customers", "customers who become Inactive", style.WARM),
    ):
        figure.add_bar(
            x=moments,
            y=bars[column],
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"%{{y:,}} {name}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.15, hovermode="x unified")
    figure.update_xaxes(hoverformat="%-d %B %Y", showgrid=False)
    figure.update_yaxes(rangemode="tozero", nticks=5, separatethousands=True)
    note = (
        f"An order counts for {many(window_days, 'day')}, and each one leaves the window at its own moment. "
        f"Each bar is {many(width, 'day')}. A customer may move before, by silence or by an order that leaves. "
        "Any order brings an Inactive customer back."
    )
    return Finding("expiries", "What leaves the window", summary, bars, figure, note=note)
