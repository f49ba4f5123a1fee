"""The state of a replay as HTML: in full for the operations page, as one line for the live page."""

from typing import Any

from sqlalchemy import Row

from dashboard.shared import style
from dashboard.shared.literal import escape
from data.postgres import replay_control
from producers.pace import Speed
from runtime.counts import many

STATES = {
    "running": ("Running", "good"),
    "paused": ("Paused", "held"),
    "finishing": ("Waiting for the worker to finish", "good"),
    "finished": ("Finished", "done"),
    "stopped": ("Stopped", "done"),
}
SILENT = ("No longer responding", "bad")
NO_REPLAY = "No replay has ever run on this database: start one with <code>segue replay</code>."


def replay(row: Row[Any] | None) -> str:
    """The latest replay: its state, its progress and its speed."""
    if row is None:
        return f'<div class="sg-note">{NO_REPLAY}</div>'
    share = 100 * row.sent / row.total if row.total else 100
    lag = f" · {_lag(row)}" if row.lag and not _is_silent(row) else ""
    waiting = "" if replay_control.has_applied_request(row) or _is_silent(row) else " · command sent, not applied yet"
    return (
        f'<div class="sg-replay" data-replay="{escape(row.state)}" data-sent="{row.sent}">'
        f'<div class="sg-replay-head">{_lamp(row)}<b>{escape(row.dataset)}</b></div>'
        f'<div class="sg-share"><i style="width:{share:.1f}%"></i></div>'
        f'<div class="sg-replay-facts"><span>{row.sent:,} of {row.total:,} transactions sent</span>'
        f"<span>event time {style.stamp(row.event_time)}</span>"
        f"<span>speed {_speed(row)}{lag}{waiting}</span>"
        f"<span>last heartbeat {age(float(row.silent))} ago</span></div></div>"
    )


def line(row: Row[Any] | None) -> str:
    """The latest replay in one line: its state, its speed and the worker's lag."""
    if row is None:
        return '<div class="sg-note" data-replay="">No replay has run here.</div>'
    alive = row.state in replay_control.ALIVE and not _is_silent(row)
    facts = [f"at {_speed(row)}"] if alive and row.state == "running" else []
    facts += [_lag(row) if row.lag else "no lag"] if alive else []
    return f'<div class="sg-note" data-replay="{escape(row.state)}">Replay {_lamp(row)} {" · ".join(facts)}</div>'


def age(seconds: float) -> str:
    """A duration in its largest unit.

    >>> age(0.4), age(59), age(3600), age(200_000)
    ('0 s', '59 s', '60 min', '2 days')
    """
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _lamp(row: Row[Any]) -> str:
    name, mood = SILENT if _is_silent(row) else STATES.get(row.state, (row.state, "done"))
    return f'<span class="sg-lamp sg-{mood}">{escape(name)}</span>'


def _is_silent(row: Row[Any]) -> bool:
    return row.state in replay_control.ALIVE and not replay_control.alive(row)


def _lag(row: Row[Any]) -> str:
    return f"worker lags by {many(row.lag, 'record')}"


def _speed(row: Row[Any]) -> str:
    return escape(str(Speed(row.speed)))
