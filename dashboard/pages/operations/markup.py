"""The operations page's text: partitions, replay and dead letters as HTML, everything escaped."""

from html import escape
from typing import Any

import pandas as pd

from dashboard.pages.operations.queries import Letter, StreamStatus
from dashboard.shared import style
from dashboard.shared.replay_markup import age
from dashboard.shared.words import many
from runtime.readable import one_line, readable

SLOW_COMMIT_SECONDS = 15
# What a phone has no room for is wide.
COLUMNS = {
    "Event time": "",
    "Offset": " sg-wide",
    "Transactions": " sg-wide",
    "To publish": " sg-wide",
    "Epoch": " sg-wide",
    "Last commit": "",
}


def totals(standing: StreamStatus) -> str:
    """The counters that an operator watches; what needs attention stands out."""
    progress, partitions = standing.progress, standing.partitions
    to_publish = int(partitions["to_publish"].sum())
    tiles = (
        ("partitions", progress.partitions, "Claimed by a worker at least once", ""),
        ("workers", partitions["owner"].nunique(), "Distinct owners of partitions, the last to claim them", ""),
        ("to publish", to_publish, "Committed changes that are not known to be in the change topic yet", ""),
        ("duplicates", progress.duplicates, "Seen before: dropped, and harmless", "sg-quiet"),
        ("late", progress.late, "Arrived after their time: counted, not dropped", "sg-quiet"),
        ("dead letters", progress.dead_letters, "Could not be used: kept aside with the reason", _alarm(progress)),
    )
    cells = "".join(
        f'<div class="sg-total {mood}" title="{escape(meaning)}"><b data-total="{name}">{number:,}</b>'
        f"<span>{name}</span></div>"
        for name, number, meaning, mood in tiles
    )
    return f'<div class="sg-totals">{cells}</div>'


def partitions(frame: pd.DataFrame, champion: str | None) -> str:
    """One line per partition: where it is, who has it, when it last committed."""
    head = "<th>Partition</th><th>Worker</th>" + "".join(
        f'<th class="sg-right{wide}">{name}</th>' for name, wide in COLUMNS.items()
    )
    rows = "".join(_partition(row, champion) for row in frame.to_dict("records"))
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def letter(item: Letter) -> str:
    """A dead letter: where it lay, why it could not be used, and its bytes as harmless text."""
    at = item.retried_at
    retried = "" if at is None else f'<span class="sg-lamp sg-done">put back {style.stamp(at)} (wall clock)</span>'
    facts = f"key {one_line(item.key)} · {many(item.size, 'byte')} · log {item.log_id}"
    return (
        f'<div class="sg-letter" data-letter="{escape(item.id)}"><div class="sg-letter-head">'
        f"<b>{escape(item.id)}</b><span>{escape(clipped(item.reason, 300))}</span>{retried}</div>"
        f'<div class="sg-note">{escape(facts)}</div>'
        f"<details><summary>What it says</summary><pre>{escape(readable(item.value, item.size))}</pre></details></div>"
    )


def clipped(text: str, length: int) -> str:
    """A text that is no longer than that."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _alarm(progress: Any) -> str:
    return "sg-alarm" if progress.dead_letters else "sg-quiet"


def _partition(row: dict[Any, Any], champion: str | None) -> str:
    event_time = row["event_time"]
    moment = "not heard from" if pd.isna(event_time) else style.stamp(event_time)
    old = row["model_version"] if row["model_version"] not in (None, champion) else None
    model = f'<div class="sg-note">under {escape(old)}</div>' if old else ""
    cells = (
        moment,
        f"{row['next_offset']:,}",
        f"{row['transactions']:,}",
        f"{row['to_publish']:,}",
        f"{row['epoch']:,}",
        f"{age(float(row['commit_age']))} ago",
    )
    return (
        f'<tr data-partition="{row["partition"]}"><td><b>{row["partition"]}</b>{model}</td>'
        f'<td class="sg-owner">{escape(clipped(row["owner"], 60))}</td>'
        + "".join(f'<td class="sg-right{wide}">{cell}</td>' for cell, wide in zip(cells, COLUMNS.values(), strict=True))
        + "</tr>"
    )
