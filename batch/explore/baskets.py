"""Baskets and returns: lines and value of orders, and return rates."""

import numpy as np
import pandas as pd

from batch.dataset_frames import ask
from batch.explore import formats, style
from batch.explore.finding import Finding
from batch.explore.months import MONTH, cut_months
from batch.explore.revenue import by_month
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS
from runtime.money import Money

LINE_EDGES = (1, 2, 4, 8, 16, 32, 64, 128)
MONEY_BINS = 40


def orders_by_lines(dataset: Dataset) -> pd.DataFrame:
    """Sales by number of lines, in bins of doubling width: ``low`` to ``high`` lines, ``orders``, ``share``."""
    lines = _of_sales(dataset, "line_count")
    counts = np.histogram(lines, bins=[*LINE_EDGES, np.inf])[0]
    high = [*(edge - 1.0 for edge in LINE_EDGES[1:]), np.inf]
    return pd.DataFrame({"low": LINE_EDGES, "high": high, "orders": counts, "share": counts / max(1, len(lines))})


def orders_by_value(dataset: Dataset) -> pd.DataFrame:
    """Sales by amount, in bins of equal width after log1p: ``low`` to ``high`` (currency), ``orders``, ``share``."""
    values = np.log1p(_of_sales(dataset, "amount_units").to_numpy() / MONEY_UNITS)
    counts, edges = np.histogram(values, bins=np.linspace(0.0, values.max(initial=0.0) or 1.0, MONEY_BINS + 1))
    own = np.expm1(edges)
    return pd.DataFrame({"low": own[:-1], "high": own[1:], "orders": counts, "share": counts / max(1, len(values))})


def return_rates(dataset: Dataset) -> pd.DataFrame:
    """Returns by ``month``, as a share of the sales in the same month.

    Returns
    -------
    DataFrame
        ``by_invoice`` (credit notes by sales), ``by_value`` (returned amount by sold amount), ``without_largest``
        (``by_value`` without the largest credit note of the month), ``largest`` (the amount of that credit note, in
        currency units). Rates of a month without sales are missing.
    """
    months = by_month(dataset)
    found = ask(
        dataset,
        f"SELECT {MONTH} AS month, max(amount_units) AS units FROM transactions WHERE kind = 'return' GROUP BY month",
    )
    largest = (found.set_index("month")["units"] / MONEY_UNITS).reindex(months.index, fill_value=0.0)
    return pd.DataFrame(
        {
            "by_invoice": months["returns"] / months["sales"].where(months["sales"] > 0),
            "by_value": months["returned"] / months["sold"].where(months["sold"] > 0),
            "without_largest": (months["returned"] - largest) / months["sold"].where(months["sold"] > 0),
            "largest": largest,
        }
    )


def lines_per_order(dataset: Dataset) -> Finding:
    """The distribution of lines per order."""
    lines = _of_sales(dataset, "line_count")
    bins = orders_by_lines(dataset)
    summary = (
        f"Half of the {len(lines):,} orders have {lines.median():.0f} lines or fewer; the average is "
        f"{lines.mean():.1f}, and the longest has {lines.max():,}."
    )
    figure = style.figure(300)
    figure.add_bar(
        x=[_label(low, high) for low, high in zip(bins["low"], bins["high"], strict=True)],
        y=100 * bins["share"],
        marker={"color": style.ACCENT},
        customdata=bins["orders"],
        hovertemplate="%{x} lines: %{y:.1f}% of the orders (%{customdata:,})<extra></extra>",
    )
    figure.update_layout(bargap=0.08)
    figure.update_xaxes(type="category", title="lines, in bins of doubling width", showgrid=False)
    figure.update_yaxes(ticksuffix="%", nticks=5, title="share of orders")
    return Finding("basket-lines", "Lines of an order", summary, bins, figure, wide=False)


def value_of_orders(dataset: Dataset, money: Money) -> Finding:
    """The distribution of order values."""
    values = _of_sales(dataset, "amount_units") / MONEY_UNITS
    bins = orders_by_value(dataset)
    largest = values.sort_values(ascending=False).head(max(1, len(values) // 100))
    summary = (
        f"The typical order is worth {formats.amount(values.median(), money)} (the median; the mean is "
        f"{formats.amount(values.mean(), money)}), and the largest 1% of orders make up "
        f"{formats.percent(largest.sum() / values.sum())} of revenue."
    )
    left, right = np.log1p(bins["low"]), np.log1p(bins["high"])
    figure = style.figure(300)
    figure.add_bar(
        x=left,
        width=right - left,
        offset=0,
        y=100 * bins["share"],
        marker={"color": style.ACCENT, "line": {"width": 0}},
        customdata=[
            (money.rounded(low), money.rounded(high), int(orders))
            for low, high, orders in zip(bins["low"], bins["high"], bins["orders"], strict=True)
        ],
        hovertemplate="%{customdata[0]} to %{customdata[1]}: %{y:.1f}% of the orders "
        "(%{customdata[2]:,})<extra></extra>",
    )
    figure.update_layout(bargap=0)
    figure.update_xaxes(title="value, log scale", showgrid=False, **style.log_ticks(bins["high"].max(), money))
    figure.update_yaxes(ticksuffix="%", nticks=5, title="share of orders")
    return Finding("basket-value", "Value of an order", summary, bins, figure, wide=False)


def returns_over_time(dataset: Dataset, money: Money) -> Finding:
    """Return rates by month, with and without the largest credit note."""
    rates = return_rates(dataset)
    if not rates["largest"].any():
        return Finding("returns", "Returns over time", "There are no returns.", rates)
    months = by_month(dataset)
    invoices = months["returns"].sum() / months["sales"].sum()
    peak = int(rates["by_value"].argmax())
    with_it, without = rates["by_value"].iloc[peak], rates["without_largest"].iloc[peak]
    summary = (
        f"There are {100 * invoices:.0f} credit notes per 100 orders. They refund "
        f"{formats.percent(months['returned'].sum() / months['sold'].sum())} of the revenue. The peak of "
        f"{formats.percent(with_it)} in {rates.index[peak]:%B %Y} would be {formats.percent(without)} without one "
        f"credit note of {formats.amount(rates['largest'].iloc[peak], money)}."
    )
    figure = style.figure(340)
    for column, name, line in (
        ("by_invoice", "credit notes per 100 orders", {"color": style.NEUTRAL, "width": 2}),
        ("by_value", "refunds, % of sales", {"color": style.WARM, "width": 2.5}),
        ("without_largest", "… without the month's largest", {"color": style.WARM, "width": 2, "dash": "dot"}),
    ):
        figure.add_scatter(
            x=rates.index,
            y=100 * rates[column],
            name=name,
            mode="lines",
            line=line,
            hovertemplate=f"%{{y:.1f}} {name}<extra></extra>",
        )
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(hoverformat="%B %Y", showgrid=False)
    figure.update_yaxes(rangemode="tozero", nticks=6)
    cut = " and ".join(formats.month(moment) for moment in sorted(cut_months(dataset)))
    note = "Credit notes of a month are compared with sales of the same month, although the sale may be older."
    note += f" The data covers only part of {cut}." if cut else ""
    return Finding("returns", "Returns over time", summary, rates, figure, note=note)


def _of_sales(dataset: Dataset, column: str) -> pd.Series:
    """A column of whole numbers of all sales, in the order of event time."""
    return ask(dataset, f"SELECT {column} FROM transactions WHERE kind = 'sale' ORDER BY number")[column]


def _label(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:.0f}+"
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"
