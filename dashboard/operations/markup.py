"""The operations page's text: totals, partitions and dead letters as escaped HTML."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Row

from dashboard.operations.queries import DeadLetterPreview, StreamStatus
from dashboard.shared import elements, style
from dashboard.shared.literal import escape
from dashboard.shared.replay_markup import age
from data.postgres import log_faults
from data.postgres.progress import FAILING
from runtime.counts import many
from runtime.readable import one_line, readable

MOST_FAULTS = 10
# Columns with the class sg-wide are hidden on a phone.
COLUMNS = {
    "Event time": "",
    "Offset": " sg-wide",
    "Transactions": " sg-wide",
    "To publish": " sg-wide",
    "Epoch": " sg-wide",
    "Last commit": "",
    "Failures in a row": "",
}


def totals(status: StreamStatus) -> str:
    """The counters that an operator watches; dead letters are highlighted."""
    progress, partitions = status.progress, status.partitions
    alarm = "sg-alarm" if progress.dead_letters else "sg-quiet"
    failing = int((partitions["failures"] >= FAILING).sum())
    to_publish = int(partitions["to_publish"].sum())
    counters = (
        ("partitions", progress.partitions, "Claimed by a worker at least once", ""),
        ("workers", partitions["owner"].nunique(), "Distinct workers that claimed a partition last", ""),
        (
            "to publish",
            to_publish,
            "Committed changes of segments and of risk that are not confirmed in their topics yet",
            "",
        ),
        ("duplicates", progress.duplicates, elements.DUPLICATES, "sg-quiet"),
        ("late", progress.late, elements.LATE, "sg-quiet"),
        ("dead letters", progress.dead_letters, elements.DEAD_LETTERS, alarm),
        (
            "failing",
            failing,
            "Partitions that have failed several times in a row",
            "sg-alarm" if failing else "sg-quiet",
        ),
    )
    return f'<div class="sg-totals">{"".join(elements.counter(*each) for each in counters)}</div>'


def partitions(frame: pd.DataFrame, champion: str | None) -> str:
    """One row per partition: its worker, its progress, the age of its last commit, and its failures since then."""
    head = "<th>Partition</th><th>Worker</th>" + "".join(
        f'<th class="sg-right{wide}">{name}</th>' for name, wide in COLUMNS.items()
    )
    rows = "".join(_partition(row, champion) for row in frame.to_dict("records"))
    return f'<table class="sg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def faults_of_the_log(faults: Sequence[Row[Any]]) -> str:
    """A banner with the unresolved faults of the log, the newest first."""
    rows = "".join(
        f'<li data-log-fault="{fault.id}">Partition {fault.partition}: {escape(log_faults.describe(fault))} '
        f"({style.stamp(fault.noticed_at)}, wall clock).</li>"
        for fault in faults[:MOST_FAULTS]
    )
    more = f"<li>… and {len(faults) - MOST_FAULTS:,} more.</li>" if len(faults) > MOST_FAULTS else ""
    return (
        f'<div class="sg-banner" role="status"><b>{many(len(faults), "log fault")}.</b> '
        "See docs/reliability.md, then run <code>segue faults resolve</code>."
        f"<ul>{rows}{more}</ul></div>"
    )


def dead_letter(item: DeadLetterPreview) -> str:
    """A dead letter: its partition and offset, its reason, and its bytes as escaped text."""
    done = "retried" if item.retried_at else "discarded"
    at = item.retried_at or item.discarded_at
    settled = "" if at is None else f'<span class="sg-lamp sg-done">{done} {style.stamp(at)} (wall clock)</span>'
    facts = f"key {one_line(item.key)} · {many(item.size, 'byte')} · log {item.log_id}"
    return (
        f'<div class="sg-letter" data-letter="{escape(item.id)}"><div class="sg-letter-head">'
        f"<b>{escape(item.id)}</b><span>{escape(clipped(item.reason, 300))}</span>{settled}</div>"
        f'<div class="sg-note">{escape(facts)}</div>'
        f"<details><summary>Content</summary><pre>{escape(readable(item.value, item.size))}</pre></details></div>"
    )


def clipped(text: str, length: int) -> str:
    """The text, cut to at most ``length`` characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _partition(row: dict[Any, Any], champion: str | None) -> str:
    event_time = row["event_time"]
    moment = "no tick yet" if pd.isna(event_time) else style.stamp(event_time)
    old = None if pd.isna(row["model_version"]) or row["model_version"] == champion else row["model_version"]
    notes = f'<div class="sg-note">model {escape(old)}</div>' if old else ""
    if pd.isna(row["model_version"]):
        notes = '<div class="sg-note">no model yet: <code>segue fit --from-stream</code></div>'
    ahead = row["changes_ahead"]
    if ahead:
        changes = many(ahead, "published change is", "published changes are")
        notes += f'<div class="sg-note">catching up: {changes} not in Postgres yet</div>'
    cells = (
        moment,
        f"{row['next_offset']:,}",
        f"{row['transactions']:,}",
        f"{row['to_publish']:,}",
        f"{row['epoch']:,}",
        f"{age(float(row['commit_age']))} ago",
        f"{row['failures']:,}",
    )
    failing = row["failures"] >= FAILING
    error = f'<div class="sg-note sg-alarm">{escape(clipped(row["failure"] or "", 300))}</div>' if failing else ""
    return (
        f'<tr data-partition="{row["partition"]}"{" data-failing" if failing else ""}>'
        f"<td><b>{row['partition']}</b>{notes}{error}</td>"
        f'<td class="sg-owner">{escape(clipped(row["owner"], 60))}</td>'
        + "".join(f'<td class="sg-right{wide}">{cell}</td>' for cell, wide in zip(cells, COLUMNS.values(), strict=True))
        + "</tr>"
    )
