"""Revenue of known customers: by month, by country, and when in the week they order."""

from html import escape

import numpy as np
import pandas as pd

from batch.explore import style, words
from batch.explore.exhibit import Exhibit
from batch.explore.months import all_months, cut_months, month_of
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS

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
    """Sales by weekday (rows, 0 is Monday) and hour of the day (columns, from the first hour in use to the last)."""
    moments = transactions.loc[transactions["kind"] == "sale", "occurred_at"].dt
    counts = pd.crosstab(moments.day_of_week, moments.hour)
    hours = counts.columns.to_numpy()
    return counts.reindex(index=range(7), columns=np.arange(hours.min(), hours.max() + 1), fill_value=0)


def revenue_by_month(dataset: Dataset) -> Exhibit:
    """What was sold and what came back, month by month."""
    months = by_month(dataset.transactions)
    whole = months[months["is_whole"]] if months["is_whole"].any() else months
    best = whole.index[int(whole["net"].argmax())]
    lift = whole["net"].max() / whole["net"].mean()
    finding = (
        f"The best month is {best:%B %Y} with {words.pounds(whole['net'].max())} net of returns, "
        f"{lift:.1f} times the average month; of all that was sold, "
        f"{words.percent(months['returned'].sum() / months['sold'].sum())} came back."
    )
    figure = style.figure(360)
    opacity = np.where(months["is_whole"], 1.0, 0.4)
    for column, name, colour, sign in (("sold", "sold", style.ACCENT, 1), ("returned", "returned", style.WARM, -1)):
        figure.add_bar(
            x=months.index,
            y=sign * months[column],
            name=name,
            marker={"color": colour, "opacity": opacity},
            customdata=months[column],
            hovertemplate=f"£%{{customdata:,.0f}} {name}<extra></extra>",
        )
    figure.add_scatter(
        x=months.index,
        y=months["net"],
        name="net",
        mode="lines+markers",
        line={"color": style.NEUTRAL, "width": 2},
        marker={"size": 5},
        hovertemplate="£%{y:,.0f} net<extra></extra>",
    )
    figure.update_layout(barmode="relative", hovermode="x unified", bargap=0.25)
    figure.update_xaxes(hoverformat="%B %Y", showgrid=False)
    figure.update_yaxes(tickprefix="£", tickformat="~s", nticks=6)
    cut = [words.month(moment) for moment in months.index[~months["is_whole"]]]
    note = f"Pale: the data hold only a part of {' and '.join(cut)}. " if cut else ""
    return Exhibit("revenue-month", "Revenue by month", finding, months, figure, note=f"{note}Known customers only.")


def revenue_by_country(dataset: Dataset) -> Exhibit:
    """Where the money comes from, on a log scale that has room for small markets."""
    countries = by_country(dataset.transactions)
    first, others = countries.iloc[0], countries.iloc[1:]
    finding = f"{countries.index[0]} brings {words.percent(first['share'])} of the net revenue"
    if len(others):
        finding += (
            f"; {others.index[0]} follows with {words.percent(others['share'].iloc[0])}, and all "
            f"{words.count(len(others), 'other country', 'other countries')} together bring "
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
        customdata=shown[["sales", "customers"]],
        hovertemplate="%{y}: £%{x:,.0f}<br>%{customdata[0]:,} orders, %{customdata[1]:,} customers<extra></extra>",
    )
    low, high = np.log10(shown["net"].min()), np.log10(shown["net"].max())
    figure.update_xaxes(
        type="log",
        range=[low - 0.15, high + 0.45],
        tickprefix="£",
        dtick=1,
        tickformat="~s",
        title="net revenue, log scale",
    )
    figure.update_yaxes(autorange="reversed", showgrid=True)
    hidden = len(countries) - len(shown)
    note = f"{words.count(hidden, 'country', 'countries')} with less or nothing net are left out." if hidden else ""
    return Exhibit("revenue-country", "Revenue by country", f"{finding}.", countries, figure, note=note, wide=False)


def orders_by_weekday_and_hour(dataset: Dataset) -> Exhibit:
    """When orders come in."""
    counts = by_weekday_and_hour(dataset.transactions)
    values = counts.to_numpy()
    weekday, hour = np.unravel_index(int(values.argmax()), values.shape)
    start = int(counts.columns.to_numpy()[hour])
    quiet = int(counts.sum(axis=1).argmin())
    finding = (
        f"Orders peak on {WEEKDAYS[weekday]} from {start} to {start + 1} o'clock ({values.max():,} of "
        f"{values.sum():,}); the quietest day, {WEEKDAYS[quiet]}, has {words.count(int(values[quiet].sum()), 'order')}."
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
    note = "Orders of known customers, by the clock of the file."
    return Exhibit("orders-hour", "Orders by weekday and hour", finding, counts, figure, note=note, wide=False)


def _by_kind(transactions: pd.DataFrame, key: pd.Series, how: str) -> pd.DataFrame:
    """The sum or count of amounts by a key, with a column for each kind."""
    table = transactions["amount_units"].groupby([key, transactions["kind"]]).agg(how).unstack(fill_value=0)
    return table.reindex(columns=["sale", "return"], fill_value=0)
