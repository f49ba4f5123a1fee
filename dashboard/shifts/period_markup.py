"""The table of the shifts page with one row per calendar period."""

from typing import Any

import pandas as pd

from dashboard.shared import elements, style
from dashboard.shared.literal import escape
from models.units import from_money_units
from runtime.money import Money

#: Periods beyond these are in the download only.
MOST_SHOWN = 26
_HEADS = (
    ("Start", True),
    ("Came", True),
    ("Left", True),
    ("End", False),
    ("Net", False),
    ("Net, period before", True),
    ("Net, a year before", True),
    ("Orders", True),
    ("Revenue", False),
    ("Revenue, a year before", True),
)


def periods(rows: pd.DataFrame, money: Money) -> str:
    """The periods, the newest first.

    Parameters
    ----------
    rows
        As :func:`dashboard.shifts.per_period.of_segment` returns them.
    """
    heads = "".join(f'<th class="sg-right{" sg-wide" if wide else ""}">{title}</th>' for title, wide in _HEADS)
    body = "".join(_row(row, money) for row in rows.iloc[::-1].head(MOST_SHOWN).to_dict("records"))
    head = f"<thead><tr><th>Period</th>{heads}</tr></thead>"
    left_out = len(rows) - MOST_SHOWN
    note = elements.note(f"The newest {MOST_SHOWN}; the file has {left_out:,} more.") if left_out > 0 else ""
    return f'<table class="sg-table sg-balance sg-periods">{head}<tbody>{body}</tbody></table>{note}'


def _row(row: dict[Any, Any], money: Money) -> str:
    cells = [f"{row[name]:,}" for name in ("start", "came", "left", "end")]
    cells += [_net(row[name]) for name in ("net", "net_before", "net_year")]
    cells += [f"{row['orders']:,}", _money(row["revenue"], money), _money(row["revenue_year"], money)]
    tds = "".join(
        f'<td class="sg-right{" sg-wide" if wide else ""}">{cell}</td>'
        for cell, (_, wide) in zip(cells, _HEADS, strict=True)
    )
    return f'<tr data-period="{row["since"]:%Y-%m-%d}"><td>{escape(row["label"])}</td>{tds}</tr>'


def _money(units: Any, money: Money) -> str:
    return style.NOTHING if pd.isna(units) else money.rounded(from_money_units(int(units)))


def _net(number: Any) -> str:
    if pd.isna(number):
        return style.NOTHING
    return f"{int(number):+,}".replace("-", "−") if number else "0"
