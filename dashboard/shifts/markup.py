"""The shifts page's text: totals of the period, and the legend of the segments' sizes."""

import pandas as pd

from dashboard.shared import flows
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, is_climb
from dashboard.shared.words import many
from models.personas import is_slip
from runtime.money import Money


def tiles(moved: pd.DataFrame, money: Money) -> str:
    """Moves, slips, climbs and first purchases of a period, with the customers' spend at that time.

    Parameters
    ----------
    moved
        As :func:`dashboard.shared.flows.flows` returns it.
    """
    pairs = {*zip(moved["from_segment"], moved["to_segment"], strict=True)}
    kinds = (
        ("moves between segments", {pair for pair in pairs if pair[0]}),
        ("slips out of a good segment", {pair for pair in pairs if is_slip(pair[0] or None, pair[1])}),
        ("climbs to a better segment", {pair for pair in pairs if is_climb(*pair)}),
    )
    inner = "".join(_tile(name, flows.moves(moved, some), flows.money(moved, some), money) for name, some in kinds)
    # The first model gives a segment to those who bought before it; that is no purchase.
    first, entries = moved[moved["cause"] == "first_purchase"], {pair for pair in pairs if not pair[0]}
    inner += _tile("first purchases", flows.moves(first, entries), flows.money(first, entries), money)
    return f'<div class="sg-totals sg-four">{inner}</div>'


def sizes_note(sizes: pd.DataFrame, known: Personas) -> str:
    """The legend of the sizes: each segment's colour, name and latest size."""
    last = sizes.iloc[-1]
    marks = "".join(
        f'<span class="sg-mark" style="--cause:{escape(persona.colour)}">{escape(persona.name)} '
        f"<b>{int(last.get(segment, 0)):,}</b></span>"
        for segment, persona in known.items()
    )
    return f'<div class="sg-note sg-legend">{marks}</div>'


def _tile(name: str, number: int, spend: float, money: Money) -> str:
    meaning = f"{many(number, 'change')}; spend of these customers when they moved: {money.rounded(spend)}"
    return (
        f'<div class="sg-total" title="{escape(meaning)}"><b data-total="{name}">{number:,}</b>'
        f"<span>{name}</span><em>{money.short(spend)}</em></div>"
    )
