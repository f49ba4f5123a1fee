"""Evidence for the settings of drift observation: false alarms and detection delays (docs/drift.md).

    python benchmarks/drift_evidence.py [online_retail_II.parquet] [--seeds 20] [--delta 1e-5] [--plot docs/drift.png]

The first table is about synthetic shops in a steady state: without a shift, with seasons only, and with shifts that
begin on day 90 of a year. The model of each shop is fitted on the time before that year, and every day of the year is
observed, as in a stream. A real dataset is observed in the same way: fitted on its first year, observed in its second.
"""

import argparse
import base64
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, get_args

import pandas as pd
import plotly.graph_objects as go
from PIL import Image
from plotly.subplots import make_subplots

from batch.backtest import backtest
from batch.fit import fit
from batch.fit_predictions import fit_predictions
from batch.profiles import profiles_as_of
from data.datasets.load import load
from data.datasets.steady import Injection, moment, steady_shop
from models.drift.adwin import DELTA
from models.drift.observation import WINDOW, Observation
from models.rhythm.carried import carrying
from models.units import from_micros, to_micros

AT = 90
CONTROLS = ("none", "seasons")
WHAT = {
    "none": "nothing happens",
    "seasons": "seasons alone: busy months 2.7 times as busy as quiet ones",
    "prices": "all prices x 1.5",
    "returns": "return wave: 60 % of sales come back instead of 20 %",
    "one-timers": "twice the newcomers, half of whom buy just once",
    "seldom": "customers order half as often",
}


class Alarm(NamedTuple):
    """One alarm in one shop."""

    injection: str
    seed: int
    measure: str
    day: int


def observed(transactions: pd.DataFrame, begin: datetime, delta: float) -> Iterator[Observation]:
    """Fit a model with predictions on the transactions before ``begin``, and observe all windows after it."""
    model = fit(profiles_as_of(transactions, begin), metadata={"cutoff": begin.isoformat()}).model
    rhythm = fit_predictions(transactions[transactions["occurred_at"] <= begin], begin).model
    return backtest(model if rhythm is None else carrying(model, rhythm), transactions, begin, delta)


def alarms(injection: Injection, seed: int, delta: float) -> Iterator[Alarm]:
    """All alarms in one shop, by day of its year."""
    begin = to_micros(moment(0))
    for window in observed(steady_shop(seed, injection=injection, at=AT), moment(0), delta):
        for alarm in window.raised:
            measure = f"{alarm.measure} {alarm.name}".strip()
            yield Alarm(injection, seed, measure, (window.end - begin) // WINDOW)


def table(found: list[Alarm], seeds: int) -> str:
    """For each shift: false alarms, and detections with their delay in days (median and maximum)."""
    frame = pd.DataFrame(found, columns=Alarm._fields)
    lines = [
        "| what happens | shops with a false alarm | what is raised: shops, days after it began (longest) |",
        "|---|---|---|",
    ]
    for injection in get_args(Injection):
        rows = frame[frame["injection"] == injection]
        shifted = rows[rows["day"] > AT] if injection not in CONTROLS else rows.iloc[:0]
        false = rows.drop(shifted.index)["seed"].nunique()
        first = shifted.groupby(["measure", "seed"])["day"].min() - AT
        cells = [
            f"{measure}: {len(days)}/{seeds}, {days.median():.0f} ({days.max()})"
            for measure, days in sorted(first.groupby(level="measure"), key=lambda item: -len(item[1]))
        ]
        wrong = rows.drop(shifted.index).groupby("measure")["seed"].nunique()
        which = ", ".join(f"{measure} {number}" for measure, number in wrong.items())
        lines.append(
            f"| {WHAT[injection]} | {false}/{seeds}{f' ({which})' if which else ''} | {'; '.join(cells) or '—'} |"
        )
    return "\n".join(lines)


def real(path: Path, delta: float) -> tuple[list[Observation], str]:
    """Observe the second year of a dataset under a model of its first year."""
    dataset = load(path)
    begin = dataset.report.first.replace(hour=0, minute=0) + timedelta(days=365)
    windows = list(observed(dataset.transactions, begin, delta))
    lines = ["| day | measure | now | before or threshold |", "|---|---|---|---|"]
    for window in windows:
        for alarm in window.raised:
            usual = alarm.threshold if alarm.reference is None else alarm.reference
            what = f"{alarm.measure} {alarm.name}".strip()
            lines.append(f"| {from_micros(window.end):%Y-%m-%d} | {what} | {alarm.value:.3f} | {usual:.3f} |")
    return windows, "\n".join(lines)


def figure(windows: list[Observation], title: str) -> go.Figure:
    """Shares of incoming transactions, stability indices, and the fit of champion and challenger."""
    rows = pd.DataFrame(
        [
            {"day": from_micros(window.end), "what": f"{each.measure} {each.name}".strip(), "value": each.value}
            for window in windows
            for each in window.measurements
        ]
    ).pivot(index="day", columns="what", values="value")
    panels = {
        "Share of transactions, 28-day mean": rows[["newcomers", "returns"]].rolling("28D", min_periods=7).mean(),
        "Population stability index against training": rows.filter(like="psi ").rename(columns=lambda c: c[4:]),
        "Mean squared distance to the nearest centroid": rows.filter(like="inertia ").rename(columns=lambda c: c[8:]),
    }
    sheet = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, subplot_titles=list(panels))
    colours = ["#0b69ef", "#f48c13", "#0da198", "#ae261d"]
    for number, frame in enumerate(panels.values(), 1):
        for colour, column in zip(colours, frame.columns, strict=False):
            line = go.Scatter(x=frame.index, y=frame[column], name=column, line={"color": colour, "width": 1.8})
            sheet.add_trace(line.update(legend="legend" if number == 1 else f"legend{number}"), row=number, col=1)
        place = {"x": 1.01, "y": 1.0 - (number - 1) * 0.36, "xanchor": "left", "yanchor": "top"}
        sheet.update_layout({"legend" if number == 1 else f"legend{number}": place})
    for window in windows:
        for alarm in window.raised:
            row = 2 if alarm.measure == "psi" else 1
            sheet.add_vline(
                x=from_micros(window.end), line={"color": "#675f6a", "dash": "dot", "width": 1.2}, row=row, col=1
            )
    sheet.update_yaxes(range=[0, 0.8], row=2, col=1)
    sheet.update_yaxes(tickformat=".0%", rangemode="tozero", row=1, col=1)
    sheet.update_layout(template="plotly_white", width=1000, height=780, title=title, margin={"t": 80, "b": 40})
    return sheet


def draw(sheet: go.Figure, path: Path) -> None:
    """Write a static picture, drawn by Chromium."""
    from playwright.sync_api import sync_playwright

    page_html = sheet.to_html(include_plotlyjs=True, config={"staticPlot": True})
    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        page = browser.new_page(viewport={"width": 1016, "height": 800})
        page.goto("about:blank")
        page.set_content(page_html)
        page.wait_for_selector(".main-svg")
        data = page.evaluate(
            "async () => await Plotly.toImage(document.querySelector('.plotly-graph-div'), "
            "{format: 'png', width: 1000, height: 780, scale: 1})"
        )
        browser.close()
    picture = Image.open(BytesIO(base64.b64decode(data.partition(",")[2])))
    picture.convert("RGB").quantize(48).save(path, optimize=True)


def main() -> None:
    """Observe and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="a dataset of two years")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--delta", type=float, default=DELTA, help="confidence parameter of ADWIN")
    parser.add_argument("--plot", type=Path, help="PNG file for a figure (needs playwright and Chromium)")
    arguments = parser.parse_args()
    if arguments.seeds:
        shops = [(injection, seed) for injection in get_args(Injection) for seed in range(arguments.seeds)]
        found = [alarm for injection, seed in shops for alarm in alarms(injection, seed, arguments.delta)]
        sys.stdout.write(f"{table(found, arguments.seeds)}\n\n")
    if arguments.dataset is not None:
        windows, text = real(arguments.dataset, arguments.delta)
        sys.stdout.write(f"{text}\n")
        if arguments.plot is not None:
            draw(figure(windows, f"{arguments.dataset.name}: fitted on year one, observed in year two"), arguments.plot)


if __name__ == "__main__":
    main()
