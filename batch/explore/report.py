"""The report as one self-contained HTML file: it needs no network and follows the reader's light or dark theme."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from batch.explore import formats
from batch.explore.chapters import ExploredSource
from batch.explore.finding import Chapter, Finding
from batch.explore.style import DARK, LIGHT
from batch.explore.tables import html_table
from models.units import MONEY_UNITS
from models.window_text import in_last_days, last_days
from runtime.counts import many
from runtime.money import Money

MARK = "<!doctype html><!-- segue exploration -->"
_HERE = Path(__file__).parent


def is_report(path: Path) -> bool:
    """Whether a file is an exploration report, which a new report may overwrite."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def page(source: ExploredSource, chapters: Sequence[Chapter]) -> str:
    """The HTML text of the report; equal for equal sources and chapters."""
    figures = {
        finding.id: _without_theme(finding)
        for chapter in chapters
        for finding in chapter.findings
        if finding.figure is not None
    }
    title = f"Exploration of {source.dataset.name}"
    anchors = [f"part-{number}" for number in range(1, len(chapters) + 1)]
    links = "".join(
        f'<a href="#{anchor}">{escape(chapter.title)}</a>' for anchor, chapter in zip(anchors, chapters, strict=True)
    )
    parts = "".join(_chapter(anchor, chapter, source.money) for anchor, chapter in zip(anchors, chapters, strict=True))
    themes = {"light": LIGHT.to_plotly_json(), "dark": DARK.to_plotly_json()}
    return f"""{MARK}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{_asset("report.css")}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{escape(_summary(source))}</p>{_totals(source)}<nav>{links}</nav></header>
<main>{parts}</main>
<footer><p>{escape(_colophon(source))}</p></footer>
<script>{get_plotlyjs()}</script>
<script type="application/json" id="themes">{_json(themes)}</script>
<script type="application/json" id="figures">{_json(figures)}</script>
<script>{_asset("report.js")}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    # An unescaped "<" in the data could end the script element.
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _without_theme(finding: Finding) -> dict[str, object]:
    if finding.figure is None:
        raise ValueError(f"{finding.id} has no figure")
    spec = json.loads(finding.figure.to_json())
    spec["layout"].pop("template", None)
    return {"data": spec["data"], "layout": spec["layout"]}


def _summary(source: ExploredSource) -> str:
    report = source.dataset.report
    span = f"From {formats.day(report.first)} to {formats.day(report.last)}."
    if source.window_days is None:
        return span
    days, end = last_days(source.window_days).replace("last ", ""), formats.day(source.as_of)
    return f"{span} Frequency, money and segments count {days} before {end}; all else is of all time."


def _totals(source: ExploredSource) -> str:
    report = source.dataset.report
    net = (report.gross_units - report.returned_units) / MONEY_UNITS
    totals = [
        (f"{report.rows:,}", "rows in the file"),
        (f"{report.customers:,}", "known customers"),
        (f"{report.sales:,}", "orders"),
        (f"{report.returns:,}", "credit notes"),
        (formats.amount(net, source.money), "net revenue"),
    ]
    cells = "".join(f"<div><b>{escape(number)}</b><span>{what}</span></div>" for number, what in totals)
    return f'<div class="totals">{cells}</div>'


def _colophon(source: ExploredSource) -> str:
    # Inactive customers are in a segment, and not among those whom the fit sees.
    fitted = int((source.profiles["frequency"] > 0).sum())
    return (
        f"Created by segue explore. Segments: model {source.model.version}, fitted on {many(fitted, 'customer')} "
        f"as of {formats.day(source.as_of)}, money {source.monetary}, transform {source.transform}, "
        f"recency in units of {source.model.recency_unit:g} days, "
        f"{_window(source)}seed {source.seed}. All chapters except data quality are about known customers only."
    )


def _window(source: ExploredSource) -> str:
    return "" if source.window_days is None else f"frequency and money{in_last_days(source.window_days)}, "


def _chapter(anchor: str, chapter: Chapter, money: Money) -> str:
    findings = "".join(_finding(finding, money) for finding in chapter.findings)
    return f'<section id="{anchor}"><h2>{escape(chapter.title)}</h2><div class="exhibits">{findings}</div></section>'


def _finding(finding: Finding, money: Money) -> str:
    shown = ""
    if finding.figure is not None:
        label, height = escape(finding.title), finding.figure.layout.height
        shown = (
            f'<div class="figure" id="{finding.id}" role="img" aria-label="{label}" style="height:{height}px"></div>'
        )
    elif finding.table is not None:
        colours = finding.data["colour"].tolist() if "colour" in finding.data else None
        shown = html_table(finding.id, finding.table, money, colours)
    note = f'<p class="note">{escape(finding.note)}</p>' if finding.note else ""
    width = "wide" if finding.wide else "half"
    heading = f'<h3>{escape(finding.title)}</h3><p class="finding">{escape(finding.summary)}</p>'
    return f'<article class="{width}">{heading}{shown}{note}</article>'
