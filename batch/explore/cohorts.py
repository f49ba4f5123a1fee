"""Cohorts: customers by the month of their first purchase, and how many of them buy again in each month after."""

import pandas as pd

from batch.explore import style, words
from batch.explore.exhibit import Exhibit
from batch.explore.months import all_months, cut_months, month_of
from data.datasets.dataset import Dataset


def active_by_cohort(transactions: pd.DataFrame) -> pd.DataFrame:
    """Customers who bought, by ``cohort`` (month of their first sale) and months since (columns 0, 1, ...).

    Column 0 is the size of the cohort. A month that the data don't reach is missing, not 0.
    """
    sales = transactions[transactions["kind"] == "sale"]
    month = month_of(sales["occurred_at"])
    cohort = month.groupby(sales["customer_id"]).transform("min").rename("cohort")
    since = (month.dt.year - cohort.dt.year) * 12 + month.dt.month - cohort.dt.month
    counts = sales.groupby([cohort, since.rename("since")])["customer_id"].nunique().unstack(fill_value=0)
    months = all_months(transactions["occurred_at"])
    counts = counts.reindex(columns=range(len(months)), fill_value=0)
    reach = pd.Series(range(len(months) - 1, -1, -1), index=months).reindex(counts.index)
    future = reach.to_numpy()[:, None] < counts.columns.to_numpy()[None, :]
    return counts.astype("float64").mask(future)


def retention(active: pd.DataFrame) -> pd.DataFrame:
    """The share of each cohort that bought in each month since, from :func:`active_by_cohort`; column 0 is all 1."""
    return active.div(active[0], axis=0)


def average_retention(active: pd.DataFrame, since: int, cut: set[pd.Timestamp]) -> float:
    """The share of all newcomers who bought ``since`` months later; NaN if nobody can be watched for so long.

    The first cohort holds the customers that the shop already had, and months that the data cut tell too little:
    both are left out.
    """
    if since not in active.columns:
        return float("nan")
    newcomers = active.iloc[1:]
    watched = pd.DatetimeIndex(newcomers.index) + pd.DateOffset(months=since)
    kept = newcomers[newcomers[since].notna().to_numpy() & ~watched.isin(list(cut)) & ~newcomers.index.isin(list(cut))]
    return float(kept[since].sum() / kept[0].sum()) if len(kept) else float("nan")


def cohort_retention(dataset: Dataset) -> Exhibit:
    """Who comes back, month by month."""
    moments = dataset.transactions["occurred_at"]
    active, cut = active_by_cohort(dataset.transactions), cut_months(moments)
    rates = retention(active)
    shown = rates.drop(columns=0).dropna(how="all")
    figure = style.figure(90 + 22 * len(shown))
    figure.add_heatmap(
        z=100 * shown,
        x=shown.columns,
        y=[f"{month:%b %Y} · {size:,.0f}" for month, size in active.loc[shown.index, 0].items()],
        customdata=active.loc[shown.index].drop(columns=0),
        xgap=1,
        ygap=1,
        zmin=0,
        zmax=max(1.0, float(100 * shown.max().max())) if shown.size else 1.0,
        hoverongaps=False,
        texttemplate="%{z:.0f}",
        textfont={"size": 10},
        showscale=False,
        hovertemplate="First order in %{y}, %{x} months on: %{z:.1f}% (%{customdata:,} customers)<extra></extra>",
    )
    figure.update_xaxes(side="top", title="months since the first order", showgrid=False, dtick=3, tick0=0)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return Exhibit("cohorts", "Who comes back", _finding(active, cut), rates, figure, note=_note(active, cut))


def _finding(active: pd.DataFrame, cut: set[pd.Timestamp]) -> str:
    soon, later = average_retention(active, 1, cut), average_retention(active, 12, cut)
    if pd.isna(soon):
        return "The data are too short to see newcomers come back."
    finding = f"Of the newcomers, {words.percent(soon)} order again in the month after their first order"
    year_on = "" if pd.isna(later) else f", and {words.percent(later)} order in the twelfth month after it"
    return f"{finding}{year_on}."


def _note(active: pd.DataFrame, cut: set[pd.Timestamp]) -> str:
    note = (
        "Per cent of each month's newcomers (their number is beside the month) who ordered in the months after. "
        "The first row holds everybody the shop already had, not only newcomers."
    )
    ends = [words.month(moment) for moment in sorted(cut)]
    return f"{note} Incomplete, and left out of the averages: {' and '.join(ends)}." if ends else note
