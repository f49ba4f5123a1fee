"""Revenue of known customers by month and country, and orders by weekday and hour."""

from html import escape

import numpy as np
import pandas as pd

from batch.dataset_frames import ask
from batch.explore import formats, style
from batch.explore.finding import Finding
from batch.explore.months import MONTH, all_months, cut_months
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS
from runtime.counts import many
from runtime.money import Money

SHOWN_COUNTRIES = 20
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TOTALS = """
    coalesce(sum(amount_units) FILTER (kind = 'sale'), 0)::BIGINT AS sold_units,
    coalesce(sum(amount_units) FILTER (kind = 'return'), 0)::BIGINT AS returned_units,
    count(*) FILTER (kind = 'sale') AS sales, count(*) FILTER (kind = 'return') AS returns
"""


def by_month(dataset: Dataset) -> pd.DataFrame:
    """By ``month``: ``sold``, ``returned`` and ``net`` in currency units, ``sales``, ``returns``, and ``is_whole``."""
    months = ask(dataset, f"SELECT {MONTH} AS month, {_TOTALS} FROM transactions GROUP BY month").set_index("month")
    months = months.reindex(all_months(dataset), fill_value=0)
    sold, returned = months["sold_units"] / MONEY_UNITS, months["returned_units"] / MONEY_UNITS
    return pd.DataFrame(
        {
            "sold": sold,
            "returned": returned,
            "net": sold - returned,
            "sales": months["sales"],
            "returns": months["returns"],
            "is_whole": ~months.index.isin(list(cut_months(dataset))),
        }
    )


def by_country(dataset: Dataset) -> pd.DataFrame:
    """By ``country``, highest net revenue first: ``net`` in currency units, its ``share``, ``sales``, ``customers``."""
    found = ask(
        dataset,
        f"""
        SELECT country, {_TOTALS}, count(DISTINCT customer_id) AS customers
        FROM transactions GROUP BY country ORDER BY country
        """,
    ).set_index("country")
    countries = pd.DataFrame({"net": (found["sold_units"] - found["returned_units"]) / MONEY_UNITS})
    countries["share"] = countries["net"] / countries["net"].sum()
    countries[["sales", "customers"]] = found[["sales", "customers"]]
    return countries.sort_values("net", ascending=False, kind="stable")


def by_weekday_and_hour(dataset: Dataset) -> pd.DataFrame:
    """Sales by weekday (rows, 0 is Monday) and hour of the day (columns, first to last hour with sales)."""
    found = ask(
        dataset,
        """
        SELECT isodow(make_timestamp(occurred_at)) - 1 AS weekday, hour(make_timestamp(occurred_at)) AS hour,
               count(*) AS sales
        FROM transactions WHERE kind = 'sale' GROUP BY ALL
        """,
    )
    counts = found.pivot(index="weekday", columns="hour", values="sales")
    hours = range(int(found["hour"].min()), int(found["hour"].max()) + 1)
    return counts.reindex(index=range(7), columns=hours).fillna(0).astype("int64")


def revenue_by_month(dataset: Dataset, money: Money) -> Finding:
    """Sold, returned and net amounts by month."""
    months = by_month(dataset)
    whole = months[months["is_whole"]] if months["is_whole"].any() else months
    best = whole.index[int(whole["net"].argmax())]
    # An average of 0 or less has no multiples.
    average = whole["net"].mean()
    lift = f", {whole['net'].max() / average:.1f} times the average month" if average > 0 else ""
    summary = (
        f"The best month is {best:%B %Y} with {formats.amount(whole['net'].max(), money)} net of returns"
        f"{lift}. Returns are "
        f"{formats.percent(months['returned'].sum() / months['sold'].sum())} of sales."
    )
    figure = style.figure(360)
    opacity = np.where(months["is_whole"], 1.0, 0.4)
    for column, name, colour, sign in (("sold", "sold", style.ACCENT, 1), ("returned", "returned", style.WARM, -1)):
        figure.add_bar(
            x=months.index,
            y=sign * months[column],
            name=name,
            marker={"color": colour, "opacity": opacity},
            customdata=[money.rounded(amount) for amount in months[column]],
            hovertemplate=f"%{{customdata}} {name}<extra></extra>",
        )
    figure.add_scatter(
        x=months.index,
        y=months["net"],
        name="net",
        mode="lines+markers",
        line={"color": style.NEUTRAL, "width": 2},
        marker={"size": 5},
        customdata=[money.rounded(amount) for amount in months["net"]],
        hovertemplate="%{customdata} net<extra></extra>",
    )
    figure.update_layout(barmode="relative", hovermode="x unified", bargap=0.25)
    figure.update_xaxes(hoverformat="%B %Y", showgrid=False)
    figure.update_yaxes(**money.axis([*months["sold"], *-months["returned"]], 6))
    cut = [formats.month(moment) for moment in months.index[~months["is_whole"]]]
    note = f"Pale bars: the data covers only part of {' and '.join(cut)}. " if cut else ""
    return Finding("revenue-month", "Revenue by month", summary, months, figure, note=f"{note}Known customers only.")


def revenue_by_country(dataset: Dataset, money: Money) -> Finding:
    """Net revenue by country, on a log scale so that small markets are visible."""
    countries = by_country(dataset)
    first, others = countries.iloc[0], countries.iloc[1:]
    summary = f"{countries.index[0]} accounts for {formats.percent(first['share'])} of net revenue"
    if len(others):
        summary += (
            f"; {others.index[0]} follows with {formats.percent(others['share'].iloc[0])}, and all "
            f"{many(len(others), 'other country', 'other countries')} together account for "
            f"{formats.percent(others['share'].sum())}"
        )
    shown = countries[countries["net"] > 0].head(SHOWN_COUNTRIES)
    if shown.empty:
        nowhere = "No country has a net revenue above 0."
        return Finding("revenue-country", "Revenue by country", nowhere, countries, wide=False)
    figure = style.figure(110 + 22 * len(shown))
    figure.add_scatter(
        x=shown["net"],
        y=[escape(name) for name in shown.index],
        mode="markers+text",
        marker={"color": style.ACCENT, "size": 10},
        text=[formats.percent(share) for share in shown["share"]],
        textposition="middle right",
        textfont={"size": 11},
        cliponaxis=False,
        customdata=[
            (int(sales), int(customers), money.rounded(net))
            for sales, customers, net in zip(shown["sales"], shown["customers"], shown["net"], strict=True)
        ],
        hovertemplate="%{y}: %{customdata[2]}<br>%{customdata[0]:,} orders, %{customdata[1]:,} customers"
        "<extra></extra>",
    )
    low, high = np.log10(shown["net"].min()), np.log10(shown["net"].max())
    figure.update_xaxes(
        type="log",
        range=[low - 0.15, high + 0.45],
        **money.decades(shown["net"].min(), shown["net"].max()),
        title="net revenue, log scale",
    )
    figure.update_yaxes(autorange="reversed", showgrid=True)
    hidden = len(countries) - len(shown)
    left_out = many(hidden, "country with less or no net revenue is", "countries with less or no net revenue are")
    note = f"{left_out} left out." if hidden else ""
    return Finding("revenue-country", "Revenue by country", f"{summary}.", countries, figure, note=note, wide=False)


def orders_by_weekday_and_hour(dataset: Dataset) -> Finding:
    """Orders by weekday and hour."""
    counts = by_weekday_and_hour(dataset)
    values = counts.to_numpy()
    weekday, hour = np.unravel_index(int(values.argmax()), values.shape)
    start = int(counts.columns.to_numpy()[hour])
    slowest = int(counts.sum(axis=1).argmin())
    summary = (
        f"Orders peak on {WEEKDAYS[weekday]} from {start} to {start + 1} o'clock ({values.max():,} of "
        f"{values.sum():,}); the day with the fewest orders, {WEEKDAYS[slowest]}, has "
        f"{many(int(values[slowest].sum()), 'order')}."
    )
    figure = style.figure(530)
    figure.add_heatmap(
        z=values,
        x=[f"{number:02}" for number in counts.columns],
        y=[name[:3] for name in WEEKDAYS],
        customdata=np.repeat([[name] for name in WEEKDAYS], values.shape[1], axis=1),
        xgap=2,
        ygap=2,
        zmin=0,
        showscale=False,
        texttemplate="%{z}",
        textfont={"size": 10},
        hovertemplate="%{customdata}, %{x}h: %{z:,} orders<extra></extra>",
    )
    figure.update_xaxes(type="category", title="hour of the day", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    note = "Orders of known customers; times as in the file."
    return Finding("orders-hour", "Orders by weekday and hour", summary, counts, figure, note=note, wide=False)
