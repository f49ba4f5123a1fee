"""One sentence about the moves of the last whole event day.

Not of the current one: a day's moves by time alone are known when the day is over.
"""

from datetime import datetime

import pandas as pd

from dashboard.shared import elements, flows, style
from dashboard.shared.flows import midnight
from dashboard.shared.literal import escape
from dashboard.shared.personas import is_climb
from dashboard.shared.reading import StreamProgress
from models.personas import is_slip
from runtime.counts import many
from runtime.money import Money


def sentence(days: pd.DataFrame, progress: StreamProgress, money: Money, as_of: datetime | None = None) -> str:
    """The day's slips, climbs and first purchases, and the spend of those who slipped.

    Parameters
    ----------
    days
        The daily history, as :func:`dashboard.shared.history.daily` returns it.
    """
    now = progress.watermark
    if now is None:
        return ""
    last = midnight(now) - flows.ONE_DAY
    moved = days[days["day"] == last]
    pairs = {*zip(moved["from_segment"], moved["to_segment"], strict=True)}
    slips = {pair for pair in pairs if is_slip(pair[0] or None, pair[1])}
    spend = f" (spend so far: {money.short(flows.money(moved, slips))})"
    parts = [
        _part(flows.moves(moved, slips), f"{spend} slipped out of a good segment"),
        _part(flows.moves(moved, {pair for pair in pairs if is_climb(*pair)}), " climbed to a better one"),
        _part(
            flows.moves(moved, {pair for pair in pairs if not pair[0]}, "first_purchase"), " bought for the first time"
        ),
    ]
    shown = [part for part in parts if part]
    text = " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part) if shown else "no customer moved"
    # To the root, where the page is: its own address only leads there.
    link = f'<a href="{elements.address("./", as_of)}">Who is at risk?</a>'
    return f'<div class="sg-today"><b>{escape(style.day(last))}, the last whole day:</b> {text}. {link}</div>'


def _part(number: int, action: str) -> str:
    return f"{many(number, 'customer')}{action}" if number else ""
