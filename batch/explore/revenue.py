"""Revenue of known customers by month and country, and orders by weekday and hour."""

from html import escape

import numpy as np
import pandas as pd

from batch.explore import style, words
from batch.explore.finding import Finding
from batch.explore.months import all_months, cut_months, month_of
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS
from runtime.money import Money

SHOWN_COUNTRIES = 20
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_month(transactions: pd.DataFrame) -> pd.DataFrame:
    """By ``month``: ``sold``, ``returned`` and ``net`` in currency units, ``sales``, ``returns``, and ``is_whole``."""
    moments = transactions["occurred_at"]
    units = _by_kind(transactions, month_of(moments), "sum") / MONEY_UNITS
    numbers = _by_kind(transactions, month_of(moments), "count")
    months = units.rename(columns={"sale": "sold", "return": "returned"})
    months["net"] = months["sold"] - months["returned"]
    months = months.join(numbers.rename(columns={"sale": "sales", "return": "returns"}))
    months = months.reindex(all_months(moments), fill_value=0)
    months["is_whole"] = ~months.index.isin(list(cut_months(moments)))
    return months


def by_country(transactions: pd.DataFrame) -> pd.DataFrame:
    """By ``country``, highest net revenue first: ``net`` in currency units, its ``share``, ``sales``, ``customers``."""
    units = _by_kind(transactions, transactions["country"], "sum")
    countries = pd.DataFrame({"net": (units["sale"] - units["return"]) / MONEY_UNITS})
    countries["share"] = countries["net"] / countries["net"].sum()
    countries["sales"] = _by_kind(transactions, transactions["country"], "count")["sale"]
    countries["customers"] = transactions.groupby("country")["customer_id"].nunique()
    return countries.sort_values("net", ascending=False, kind="stable")


def by_weekday_and_hour(transactions: pd.DataFrame) -> pd.DataFrame:
    """Sales by weekday (rows, 0 is Monday) and hour of the day (columns, first to last hour with sales)."""
    moments = transactions.loc[transactions["kind"] == "sale", "occurred_at"].dt
    counts = pd.crosstab(moments.day_of_week, moments.hour)
    hours = counts.columns.to_numpy()
    return counts.reindex(index=range(7), columns=np.arange(hours.min(), hours.max() + 1), fill_value=0)


def revenue_by_month(dataset: Dataset, money: Money) -> Finding:
    """Sold, returned and net amounts by month."""
    months = by_month(dataset.transactions)
    whole = months[months["is_whole"]] if months["is_whole"].any() else months
    best = whole.index[int(whole["net"].argmax())]
    lift = whole["net"].max() / whole["net"].mean()
    summary = (
        f"The best month is {best:%B %Y} with {words.amount(whole['net'].max(), money)} net of returns, "
        f"{lift:.1f} times the average month. Returns are "
        f"{words.percent(months['returned'].sum() / months['sold'].sum())} of sales."
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
    cut = [words.month(moment) for moment in months.index[~months["is_whole"]]]
    note = f"Pale bars: the data covers only part of {' and '.join(cut)}. " if cut else ""
    return Finding("revenue-month", "Revenue by month", summary, months, figure, note=f"{note}Known customers only.")


def revenue_by_country(dataset: Dataset, money: Money) -> Finding:
    """Net revenue by country, on a log scale so that small markets are visible."""
    countries = by_country(dataset.transactions)
    first, others = countries.iloc[0], countries.iloc[1:]
    summary = f"{countries.index[0]} accounts for {words.percent(first['share'])} of net revenue"
    if len(others):
        summary += (
            f"; {others.index[0]} follows with {words.percent(others['share'].iloc[0])}, and all "
            f"{words.count(len(others), 'other country', 'other countries')} together account for "
            f"{words.percent(others['share'].sum())}"
        )
    shown = countries[countries["net"] > 0].head(SHOWN_COUNTRIES)
    figure = style.figure(110 + 22 * len(shown))
    figure.add_scatter(
        x=shown["net"],
        y=[escape(name) for name in shown.index],
        mode="markers+text",
        marker={"color": style.ACCENT, "size": 10},
        text=[words.percent(share) for share in shown["share"]],
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
    note = f"{words.count(hidden, 'country', 'countries')} with less or no net revenue are left out." if hidden else ""
    return Finding("revenue-country", "Revenue by country", f"{summary}.", countries, figure, note=note, wide=False)


def orders_by_weekday_and_hour(dataset: Dataset) -> Finding:
    """Orders by weekday and hour."""
    counts = by_weekday_and_hour(dataset.transactions)
    values = counts.to_numpy()
    weekday, hour = np.unravel_index(int(values.argmax()), values.shape)
    start = int(counts.columns.to_numpy()[hour])
    slowest = int(counts.sum(axis=1).argmin())
    summary = (
        f"Orders peak on {WEEKDAYS[weekday]} from {start} to {start + 1} o'clock ({values.max():,} of "
        f"{values.sum():,}); the day with the fewest orders, {WEEKDAYS[slowest]}, has "
        f"{words.count(int(values[slowest].sum()), 'order')}."
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


def _by_kind(transactions: pd.DataFrame, key: pd.Series, how: str) -> pd.DataFrame:
    """Sum or count of amounts by a key, with a column for each kind of transaction."""
    table = transactions["amount_units"].groupby([key, transactions["kind"]]).agg(how).unstack(fill_value=0)
    return table.reindex(columns=["sale", "return"], fill_value=0)
