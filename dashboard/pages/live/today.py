"""What happened today, in one sentence."""

from html import escape

import pandas as pd

from dashboard.shared import flows, style
from dashboard.shared.flows import midnight
from dashboard.shared.personas import is_climb
from dashboard.shared.reading import StreamProgress
from dashboard.shared.words import many
from models.personas import is_slip

ONWARDS = '<a href="slipping">Who is next?</a>'


def sentence(days: pd.DataFrame, progress: StreamProgress) -> str:
    """How many slipped, climbed and came on the event day that is now, and what those who slipped are worth.

    Parameters
    ----------
    days
        The daily history, as :func:`dashboard.shared.history.daily` gives it.
    """
    now = progress.event_time
    if now is None:
        return ""
    today = days[days["day"] == midnight(now)]
    pairs = {*zip(today["from_segment"], today["to_segment"], strict=True)}
    slips = {pair for pair in pairs if is_slip(pair[0] or None, pair[1])}
    worth = f" (worth {style.short_money(flows.money(today, slips))} so far)"
    parts = [
        _part(flows.moves(today, slips), f"{worth} slipped out of a good segment"),
        _part(flows.moves(today, {pair for pair in pairs if is_climb(*pair)}), " climbed to a better one"),
        _part(flows.moves(today, {pair for pair in pairs if not pair[0]}), " bought for the first time"),
    ]
    said = [part for part in parts if part]
    text = " and ".join(part for part in (", ".join(said[:-1]), said[-1]) if part) if said else "nobody has moved"
    return f'<div class="sg-today"><b>Today, {escape(style.day(now))}:</b> {text}. {ONWARDS}</div>'


def _part(number: int, did: str) -> str:
    return f"{many(number, 'customer')}{did}" if number else ""
