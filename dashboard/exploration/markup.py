"""The data page's text: totals, a legend, and the table of countries."""

from collections.abc import Iterable

import pandas as pd

from dashboard.shared import style
from dashboard.shared.literal import escape
from runtime.money import Money

MOST_COUNTRIES = 12


def legend(marks: Iterable[tuple[str, str]]) -> str:
    """Pairs of words and their colour in a figure."""
    inner = "".join(f'<span class="sg-mark" style="--cause:{colour}">{escape(words)}</span>' for words, colour in marks)
    return f'<div class="sg-note">{inner}</div>'


def tiles(*values: tuple[str, str, str]) -> str:
    """A row of totals: name, value, and the meaning as a tooltip."""
    cells = "".join(
        f'<div class="sg-total" title="{escape(meaning)}"><b data-total="{name}">{value}</b><span>{name}</span></div>'
        for name, value, meaning in values
    )
    return f'<div class="sg-totals">{cells}</div>'


def countries(table: pd.DataFrame, total: float, money: Money) -> str:
    """The countries with the highest net revenue, each with its share of ``total``; one row for all the others.

    Parameters
    ----------
    table
        As :func:`dashboard.exploration.figures.by_country` returns it.
    """
    top = max(float(table["net"].max()), 1.0)
    rows = "".join(_country(str(name), row, top, total, money) for name, row in table.head(MOST_COUNTRIES).iterrows())
    rest = table.iloc[MOST_COUNTRIES:]
    if len(rest):
        rows += _country(f"{len(rest)} more", rest.sum(), top, total, money)
    head = (
        '<th>Country</th><th class="sg-wide"></th><th class="sg-right">Net revenue</th><th class="sg-right">Share</th>'
        '<th class="sg-right sg-wide">Sales</th><th class="sg-right">Returned</th>'
    )
    return f'<table class="sg-table sg-countries"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _country(name: str, row: "pd.Series[float]", top: float, total: float, money: Money) -> str:
    width = 100 * max(float(row["net"]), 0.0) / top
    return (
        f'<tr data-country="{escape(name)}"><td>{escape(name)}</td>'
        '<td class="sg-wide sg-strip-cell"><div class="sg-share">'
        f'<i style="width:{min(width, 100):.1f}%"></i></div></td>'
        f'<td class="sg-right"><b>{money.exact(row["net"])}</b></td>'
        f'<td class="sg-right">{style.percent(row["net"], total)}</td>'
        f'<td class="sg-right sg-wide">{row["sales"]:,.0f}</td>'
        f'<td class="sg-right">{style.percent(row["returned"], row["sold"])}</td></tr>'
    )
