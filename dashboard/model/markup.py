"""The model page's text: the champion, versions, customers who would move, and alarms, as escaped HTML."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dashboard.model.figures import GREY, centroids
from dashboard.model.queries import Version
from dashboard.shared import elements, style
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from models.segment_model import SegmentModel
from models.window_text import last_days
from runtime.counts import many
from runtime.money import Money

MONETARY = {"net": "net of returns", "gross": "gross, without regard to returns"}
TRANSFORM = {"log1p": "on a log scale", "identity": "without transformation"}
MEASURES = {
    "distance": "Distance to the nearest centroid",
    "psi": "Population stability index",
    "share": "Share of customers in a segment",
    "agreement": "Agreement of champion and challenger",
    "inertia": "Mean squared distance to the centroid",
    "basket": "Typical value of a sale (geometric mean)",
    "newcomers": "Sales that are first purchases",
    "returns": "Transactions that are returns",
    "predictions": "Customers who ordered, and predictions",
}


def definition(model: SegmentModel) -> str:
    """The champion's definition, as tiles and a sentence."""
    facts = model.metadata
    cutoff = str(facts.get("cutoff") or facts.get("last_purchase_at") or "")[:10]
    tiles = [("segments", str(len(model.segments))), ("fitted on history before", cutoff or style.NOTHING)]
    if isinstance(facts.get("customers"), int):
        tiles.append(("customers it was fitted on", style.count(facts["customers"])))
    if isinstance(facts.get("silhouette"), float):
        tiles.append(("silhouette", f"{facts['silhouette']:.2f}"))
    cells = "".join(
        f'<div class="sg-total"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in tiles
    )
    unit = "" if model.recency_unit == 1 else f"Recency counts in units of {model.recency_unit:g} days. "
    text = (
        f"Spend counts {MONETARY[model.monetary]}. {unit}Recency, frequency and monetary value are used "
        f"{TRANSFORM[model.transform]} and standardised; the nearest of {len(model.scored_centroids)} centroids is the "
        f"segment.{_window(model)}"
    )
    return (
        f'<div class="sg-version" data-version="{escape(model.version)}">{escape(model.version)}</div>'
        f'<div class="sg-totals sg-facts">{cells}</div><div class="sg-note sg-below">{escape(text)}</div>'
    )


def _window(model: SegmentModel) -> str:
    if model.window_days is None:
        return ""
    name = model.segments[-1].name
    return (
        f" Frequency and spend count {last_days(model.window_days)}. A customer who bought only earlier is {name}; its "
        "centroid is only drawn."
    )


def segments(model: SegmentModel, known: Personas, sizes: dict[str, int], money: Money) -> str:
    """One row per persona: its centroid in original units, and its number of customers now and in training."""
    middle = dict(zip((segment.id for segment in model.segments), centroids(model), strict=True))
    trained = model.metadata.get("sizes")
    trained = trained if isinstance(trained, dict) else {}
    total, then = sum(sizes.values()), sum(trained.values())
    rows = ""
    for segment, persona in known.items():
        recency, frequency, monetary = middle[segment]
        before = style.percent(trained[segment], then) if segment in trained else style.NOTHING
        cells = (
            f"{recency:,.0f} days",
            f"{frequency:,.1f}",
            money.exact(monetary),
            f"{sizes.get(segment, 0):,}",
            style.percent(sizes.get(segment, 0), total),
            before,
        )
        wide = ("", "", "", " sg-wide", "", " sg-wide")
        rows += (
            f'<tr data-segment="{escape(segment)}">'
            f'<td title="{escape(persona.action)}">{elements.segment_dot(persona)}</td>'
            + "".join(f'<td class="sg-right{w}">{cell}</td>' for cell, w in zip(cells, wide, strict=True))
            + "</tr>"
        )
    heads = ("Recency", "Frequency", "Spend", "Customers", "Share", "In training")
    head = "<th>Segment</th>" + "".join(
        f'<th class="sg-right{w}">{name}</th>'
        for name, w in zip(heads, ("", "", "", " sg-wide", "", " sg-wide"), strict=True)
    )
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def versions(found: Sequence[Version]) -> str:
    """Versions, the newest first, with their aliases and the number of partitions on which they are active."""
    rows = ""
    for version in found:
        marks = "".join(f'<span class="sg-lamp sg-{_mood(alias)}">{escape(alias)}</span> ' for alias in version.aliases)
        partitions = many(version.partitions, "partition") if version.partitions else style.NOTHING
        name, facts = escape(version.model.version), version.model.metadata
        origin = str(facts.get("origin") or facts.get("preset") or "fit")
        cutoff = str(facts.get("cutoff") or style.NOTHING)
        rows += (
            f'<tr data-model="{name}"><td><b class="sg-code">{name}</b></td>'
            f"<td>{marks}</td>"
            f'<td class="sg-wide">{escape(origin[:40])}</td>'
            f'<td class="sg-right sg-wide">{escape(cutoff[:10])}</td>'
            f'<td class="sg-right sg-wide">{style.stamp(version.created_at)}</td>'
            f'<td class="sg-right">{partitions}</td></tr>'
        )
    head = (
        '<th>Version</th><th></th><th class="sg-wide">Origin</th><th class="sg-right sg-wide">History before</th>'
        '<th class="sg-right sg-wide">Registered (wall clock)</th><th class="sg-right">Active on</th>'
    )
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def movers(table: pd.DataFrame, before: Personas, after: Personas, money: Money, as_of: datetime | None = None) -> str:
    """The customers who would move, the highest spend first."""
    rows = "".join(_mover(str(who), row, before, after, money, as_of) for who, row in table.to_dict("index").items())
    head = (
        '<th>Customer</th><th>Would move</th><th class="sg-right sg-wide">Last bought</th>'
        '<th class="sg-right sg-wide">Purchases</th><th class="sg-right">Spend</th>'
    )
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def alarms(table: pd.DataFrame, known: Personas, money: Money) -> str:
    """The newest alarms: event time, measure, value, reference and threshold."""
    rows = "".join(_alarm(row, known, money) for row in table.to_dict("records"))
    head = (
        '<th>Event time</th><th>Measure</th><th class="sg-right">Value</th>'
        '<th class="sg-right sg-wide">Reference</th><th class="sg-right sg-wide">Threshold</th>'
    )
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def nothing(title: str, reason: str, command: str) -> str:
    """A part of the page that has nothing to show yet, and the command that changes this."""
    return (
        f'<div class="sg-empty"><b>{escape(title)}</b><p>{escape(reason)}</p>'
        f"<p>Run <code>{escape(command)}</code>.</p></div>"
    )


def legend(names: dict[str, str], colours: Mapping[str, str]) -> str:
    """The colour of each name."""
    marks = "".join(
        f'<span class="sg-mark" style="--cause:{escape(colours.get(name, GREY))}">{escape(words)}</span>'
        for name, words in names.items()
    )
    return f'<div class="sg-note">{marks}</div>' if marks else ""


def _mover(
    customer: str, row: dict[Any, Any], before: Personas, after: Personas, money: Money, as_of: datetime | None
) -> str:
    return (
        f"<tr><td>{elements.customer_link(customer, as_of)}</td>"
        f"<td>{elements.move(look_up(before, row['before']), look_up(after, row['after']))}</td>"
        f'<td class="sg-right sg-wide">{many(row["recency_days"], "day")} ago</td>'
        f'<td class="sg-right sg-wide">{row["frequency"]:,}</td>'
        f'<td class="sg-right">{money.exact(row["monetary"])}</td></tr>'
    )


def _alarm(row: dict[Any, Any], known: Personas, money: Money) -> str:
    measure, name = str(row["measure"]), str(row["name"])
    subject = look_up(known, name).name if measure == "share" else name.replace("_", " ")
    text = MEASURES.get(measure, measure) + (f": {subject}" if subject else "")
    write = money.exact if measure == "basket" else _number
    value, reference, threshold = (write(row[key]) for key in ("value", "reference", "threshold"))
    return (
        f'<tr data-alarm="{escape(measure)}"><td class="sg-when">{style.stamp(row["window_end"])}</td>'
        f'<td>{escape(text)}<div class="sg-note sg-code">{escape(str(row["model_version"]))}</div></td>'
        f'<td class="sg-right"><b>{value}</b></td><td class="sg-right sg-wide">{reference}</td>'
        f'<td class="sg-right sg-wide">{threshold}</td></tr>'
    )


def _number(value: float | None) -> str:
    return style.NOTHING if value is None or pd.isna(value) else f"{value:,.3g}"


def _mood(alias: str) -> str:
    return {"champion": "good", "proposed": "held"}.get(alias, "done")
