"""The operations page's text: partitions, replay and dead letters as HTML, everything escaped."""

from html import escape
from typing import Any

import pandas as pd
from sqlalchemy import Row

from dashboard import style
from dashboard.queries.operations import Letter, Standing
from dashboard.words import many
from data import replay_control
from data.readable import one_line, readable
from producers.pace import Speed

SLOW_COMMIT_SECONDS = 15
STATES = {
    "running": ("Running", "good"),
    "paused": ("Paused", "held"),
    "finishing": ("Waiting for the worker to finish", "good"),
    "finished": ("Finished", "done"),
    "stopped": ("Stopped", "done"),
}
# What a phone has no room for is wide.
COLUMNS = {
    "Event time": "",
    "Offset": " sg-wide",
    "Transactions": " sg-wide",
    "To publish": " sg-wide",
    "Epoch": " sg-wide",
    "Last commit": "",
}
NO_REPLAY = "No replay has ever run on this database: start one with <code>segue replay</code>."
SILENT = ("Gone without a word", "bad")


def totals(standing: Standing) -> str:
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


def replay(row: Row[Any] | None) -> str:
    """The replay that was heard of last: what it does, how far it is, how fast."""
    if row is None:
        return f'<div class="sg-note">{NO_REPLAY}</div>'
    silent = row.state in replay_control.ALIVE and not replay_control.alive(row)
    name, mood = SILENT if silent else STATES.get(row.state, (row.state, "done"))
    share = 100 * row.sent / row.total if row.total else 100
    behind = f" · worker {many(row.lag, 'record')} behind" if row.lag and not silent else ""
    waiting = "" if replay_control.obeys(row) or silent else " · told, about to obey"
    return (
        f'<div class="sg-replay" data-replay="{escape(row.state)}" data-sent="{row.sent}">'
        f'<div class="sg-replay-head"><span class="sg-lamp sg-{mood}">{escape(name)}</span>'
        f"<b>{escape(row.dataset)}</b></div>"
        f'<div class="sg-share"><i style="width:{share:.1f}%"></i></div>'
        f'<div class="sg-replay-facts"><span>{row.sent:,} of {row.total:,} transactions sent</span>'
        f"<span>event time {style.stamp(row.event_time)}</span>"
        f"<span>speed {escape(str(Speed(row.speed)))}{behind}{waiting}</span>"
        f"<span>heard {age(float(row.silent))} ago</span></div></div>"
    )


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
    retried = "" if at is None else f'<span class="sg-lamp sg-done">put back {style.stamp(at)}</span>'
    facts = f"key {one_line(item.key)} · {many(item.size, 'byte')} · log {item.log_id}"
    return (
        f'<div class="sg-letter" data-letter="{escape(item.id)}"><div class="sg-letter-head">'
        f"<b>{escape(item.id)}</b><span>{escape(clipped(item.reason, 300))}</span>{retried}</div>"
        f'<div class="sg-note">{escape(facts)}</div>'
        f"<details><summary>What it says</summary><pre>{escape(readable(item.value, item.size))}</pre></details></div>"
    )


def age(seconds: float) -> str:
    """How long something took or is ago, in its largest unit.

    >>> age(0.4), age(59), age(3600), age(200_000)
    ('0 s', '59 s', '60 min', '2 days')
    """
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


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
