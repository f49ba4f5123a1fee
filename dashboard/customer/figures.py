"""The customer page's figure: transactions, recency, purchases and spend over time, above the customer's segments."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.shared.literal import in_figure
from dashboard.shared.personas import Persona, Personas, look_up
from dashboard.shared.plotting import ACCENT, DAY_TICKS, cause_colour, plain
from models.window_text import in_last_days
from runtime.money import Money

SALE, RETURN = ACCENT, cause_colour("return")
LINE, GRID = "#7d8593", "rgba(138,145,158,0.22)"
MOST_BANDS = 300
# UTC without an offset: a browser would convert a moment with one to its own time zone.
ISO = "%Y-%m-%dT%H:%M:%S"
ROWS = ("Sales and returns", "Days since last purchase", "Purchases", "Spend")
HEIGHTS = (0.37, 0.21, 0.21, 0.21)


class Outlook(NamedTuple):
    """The next segment if only time passes, from ``at`` on."""

    at: datetime
    segment: str


class Timeline(NamedTuple):
    """All that the figure shows; for the frames see :mod:`dashboard.customer.life` for the frames."""

    ledger: pd.DataFrame
    stays: pd.DataFrame
    recency: pd.DataFrame
    spend: pd.DataFrame
    now: datetime
    outlook: Outlook | None
    window_days: int | None = None


def timeline(shown: Timeline, known: Personas, money: Money) -> go.Figure:
    """Transactions as marks (sales up, returns down), then R, F and M; coloured bands are the segments."""
    figure = make_subplots(rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.065, row_heights=HEIGHTS)
    _marks(figure, shown.ledger, money)
    _line(figure, 2, shown.recency["at"], shown.recency["days"], "linear", "%{y:,.0f} days since last purchase")
    _line(figure, 3, shown.spend["at"], shown.spend["frequency"], "hv", "%{y:,} purchases")
    spend = shown.spend["monetary"]
    _line(figure, 4, shown.spend["at"], spend, "hv", "%{customdata} spend", [money.exact(each) for each in spend])
    start, end = _span(shown)
    _bands(figure, shown, known, end)
    counted = in_last_days(shown.window_days)
    for row, title in enumerate((*ROWS[:2], *(f"{name}{counted}" for name in ROWS[2:])), start=1):
        figure.add_annotation(
            text=title,
            row=row,
            col=1,
            xref="x domain",
            yref="y domain",
            x=0,
            y=1,
            yshift=19,
            xanchor="left",
            showarrow=False,
            font={"size": 12.5},
        )
    figure.update_xaxes(
        # Plotly sees no dates where all orders were cancelled: it would take the axis for one of numbers, and draw NaN.
        type="date",
        range=[_iso(start), _iso(end)],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        nticks=7,
        tickformatstops=DAY_TICKS,
    )
    figure.update_xaxes(hoverformat="%-d %b %Y, %H:%M")
    figure.update_yaxes(gridcolor=GRID, zeroline=False, fixedrange=True, nticks=4, automargin=True)
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    figure.update_yaxes(rangemode="tozero", tickformat=",d", row=3, col=1)
    figure.update_yaxes(rangemode="tozero", **money.axis(spend, 3), row=4, col=1)
    figure.update_layout(showlegend=False, hovermode="closest")
    return plain(figure, height=620).update_layout(margin={"t": 26, "l": 0, "r": 6, "b": 0})


def _marks(figure: go.Figure, ledger: pd.DataFrame, money: Money) -> None:
    for kind, sign, colour, symbol in (("sale", 1, SALE, "triangle-up"), ("return", -1, RETURN, "triangle-down")):
        part = ledger[ledger["kind"] == kind]
        amounts = part["amount"].to_numpy(dtype=np.float64)
        at, height = _moments(part["occurred_at"]), (sign * np.sqrt(amounts)).tolist()
        stems = [
            (x, y)
            for moment, top in zip(at, height, strict=True)
            for x, y in ((moment, 0), (moment, top), (None, None))
        ]
        figure.add_scatter(
            x=[x for x, _ in stems],
            y=[y for _, y in stems],
            mode="lines",
            hoverinfo="skip",
            line={"color": colour, "width": 1.2},
            row=1,
            col=1,
        )
        figure.add_scatter(
            x=at,
            y=height,
            mode="markers",
            name=kind,
            row=1,
            col=1,
            marker={"symbol": symbol, "size": 8, "color": colour},
            customdata=[
                (money.exact(amount), in_figure(number))
                for amount, number in zip(part["amount"], part["transaction_id"], strict=True)
            ],
            hovertemplate=f"{kind} of %{{customdata[0]}}, %{{x}}<extra>%{{customdata[1]}}</extra>",
        )
    _amount_axis(figure, ledger, money)


def _amount_axis(figure: go.Figure, ledger: pd.DataFrame, money: Money) -> None:
    # A square-root scale keeps small orders visible beside the largest.
    amounts = ledger["amount"].to_numpy(dtype=np.float64)
    down = (ledger["kind"] == "return").to_numpy(dtype=bool)
    ticks = {0.0: money.mark(0)}
    for sign, side in ((1, amounts[~down]), (-1, amounts[down])):
        if len(side) and side.max() >= money.smallest:
            top = _round_below(float(side.max()))
            for value in (top / 4, top) if sign > 0 else (top,):
                ticks[sign * value**0.5] = money.mark(value)
    figure.update_yaxes(tickvals=sorted(ticks), ticktext=[ticks[value] for value in sorted(ticks)], row=1, col=1)
    top, bottom = (np.sqrt(side.max()) if len(side) else 0 for side in (amounts[~down], amounts[down]))
    room = 0.14 * max(top + bottom, 1)
    figure.update_yaxes(range=[-bottom - room, top + room], row=1, col=1)


def _round_below(value: float) -> float:
    scale = 10 ** np.floor(np.log10(value))
    return float(max(step for step in (1, 2, 4, 5, 8) if step * scale <= value) * scale)


def _line(
    figure: go.Figure,
    row: int,
    at: "pd.Series[Any]",
    values: "pd.Series[Any]",
    shape: str,
    hover: str,
    texts: list[str] | None = None,
) -> None:
    figure.add_scatter(
        x=_moments(at),
        y=values.tolist(),
        mode="lines",
        customdata=texts,
        row=row,
        col=1,
        line={"color": LINE, "width": 1.8, "shape": shape},
        hovertemplate=hover + ", %{x}<extra></extra>",
    )


def _bands(figure: go.Figure, shown: Timeline, known: Personas, end: datetime) -> None:
    # One shape spans all four rows.
    def band(persona: Persona, start: datetime, stop: datetime, opacity: float) -> dict[str, Any]:
        fill = {"fillcolor": persona.colour, "opacity": opacity, "line": {"width": 0}, "layer": "below"}
        return {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": _iso(start),
            "x1": _iso(stop),
            **fill,
        }

    shapes = [
        band(look_up(known, row["segment"]), row["start"], row["end"], 0.24)
        for row in shown.stays.tail(MOST_BANDS).to_dict("records")
    ]
    if shown.outlook is not None and shown.now < end:
        present = look_up(known, shown.stays["segment"].iloc[-1]) if len(shown.stays) else None
        turn = min(shown.outlook.at, end)
        shapes += [band(present, shown.now, turn, 0.1)] if present else []
        shapes += [band(look_up(known, shown.outlook.segment), turn, end, 0.1)] if turn < end else []
    line = {"color": LINE, "width": 1.2, "dash": "dot"}
    shapes.append(
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": _iso(shown.now),
            "x1": _iso(shown.now),
            "line": line,
        }
    )
    figure.update_layout(shapes=shapes)


def _span(shown: Timeline) -> tuple[datetime, datetime]:
    """From before the first event to after now; the next change is included if it is near."""
    known = [*shown.ledger["occurred_at"].head(1), *shown.stays["start"].head(1), shown.now]
    first = min(pd.Timestamp(moment).to_pydatetime() for moment in known)
    length = max(shown.now - first, timedelta(days=14))
    end = shown.now + 0.03 * length
    if shown.outlook is not None and shown.outlook.at < shown.now + 0.35 * length:
        end = shown.outlook.at + 0.06 * length
    return first - 0.03 * length, end


def _moments(at: "pd.Series[Any]") -> list[str]:
    return list(pd.to_datetime(at, utc=True).dt.strftime(ISO))


def _iso(moment: datetime) -> str:
    return pd.Timestamp(moment).tz_convert("UTC").strftime(ISO)
