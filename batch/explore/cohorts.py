"""Cohorts: customers by the month of their first purchase, and their retention in each later month."""

import pandas as pd

from batch.dataset_frames import ask
from batch.explore import formats, style
from batch.explore.finding import Finding
from batch.explore.months import MONTH, all_months, cut_months
from data.datasets.dataset import Dataset


def active_by_cohort(dataset: Dataset) -> pd.DataFrame:
    """Number of customers who bought, by ``cohort`` (month of first sale) and months since (columns 0, 1, ...).

    Column 0 is the size of the cohort. A month after the end of the data is missing, not 0.
    """
    found = ask(
        dataset,
        f"""
        SELECT cohort, datediff('month', cohort, month) AS since, count(*) AS customers
        FROM (
            SELECT month, min(month) OVER (PARTITION BY customer_id) AS cohort
            FROM (SELECT DISTINCT customer_id, {MONTH} AS month FROM transactions WHERE kind = 'sale')
        )
        GROUP BY ALL ORDER BY cohort
        """,
    )
    months = all_months(dataset)
    counts = found.pivot(index="cohort", columns="since", values="customers").reindex(columns=range(len(months)))
    observable = pd.Series(range(len(months) - 1, -1, -1), index=months).reindex(counts.index)
    future = observable.to_numpy()[:, None] < counts.columns.to_numpy()[None, :]
    return counts.fillna(0).astype("float64").mask(future)


def retention(active: pd.DataFrame) -> pd.DataFrame:
    """The share of each cohort that bought in each month since, from :func:`active_by_cohort`; column 0 is all 1."""
    return active.div(active[0], axis=0)


def average_retention(active: pd.DataFrame, since: int, cut: set[pd.Timestamp]) -> float:
    """Share of all new customers who bought ``since`` months later; NaN if the data is too short.

    The first cohort is left out because it contains customers from before the data starts. Months that the data covers
    only in part are left out too.
    """
    if since not in active.columns:
        return float("nan")
    newcomers = active.iloc[1:]
    target = pd.DatetimeIndex(newcomers.index) + pd.DateOffset(months=since)
    kept = newcomers[newcomers[since].notna().to_numpy() & ~target.isin(list(cut)) & ~newcomers.index.isin(list(cut))]
    return float(kept[since].sum() / kept[0].sum()) if len(kept) else float("nan")


def cohort_retention(dataset: Dataset) -> Finding:
    """Retention of each cohort, month by month."""
    active, cut = active_by_cohort(dataset), cut_months(dataset)
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
        hovertemplate="First order in %{y}, %{x} months later: %{z:.1f}% (%{customdata:,} customers)<extra></extra>",
    )
    figure.update_xaxes(side="top", title="months since the first order", showgrid=False, dtick=3, tick0=0)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return Finding("cohorts", "Customer retention", _summary(active, cut), rates, figure, note=_note(active, cut))


def _summary(active: pd.DataFrame, cut: set[pd.Timestamp]) -> str:
    soon, later = average_retention(active, 1, cut), average_retention(active, 12, cut)
    if pd.isna(soon):
        return "The data is too short to measure how many new customers return."
    month_after = f"Of all new customers, {formats.percent(soon)} order again in the month after their first order"
    year_on = "" if pd.isna(later) else f", and {formats.percent(later)} order in the twelfth month after it"
    return f"{month_after}{year_on}."


def _note(active: pd.DataFrame, cut: set[pd.Timestamp]) -> str:
    note = (
        "Each row is a cohort: the month of the first order and the number of new customers. Cells show the percentage "
        "who ordered again in each later month. The first row includes customers from before the data starts."
    )
    ends = [formats.month(moment) for moment in sorted(cut)]
    return f"{note} Incomplete months, left out of the averages: {' and '.join(ends)}." if ends else note
