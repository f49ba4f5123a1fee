"""The shifts page's text: totals of the period, and the legend of the segments' sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard.shared import elements, flows, style
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona, Personas, is_climb, look_up
from models.personas import is_slip
from runtime.counts import many
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


def balance(now: pd.DataFrame, others: Mapping[str, pd.DataFrame | None], known: Personas) -> str:
    """The customers of each segment at the start and the end of a period, and how many came and left.

    Parameters
    ----------
    now
        As :func:`dashboard.shared.flows.balance` returns it.
    others
        By the title of its column: the same of another period, of which only the difference is shown; None if the
        history does not have all of that period.
    """
    numbers = {title: {} if other is None else other["net"].to_dict() for title, other in others.items()}
    rows = ""
    for segment, row in now.to_dict("index").items():
        compared = [None if others[title] is None else numbers[title].get(segment, 0) for title in others]
        rows += _balance_row(look_up(known, str(segment)), row, compared)
    heads = ("Start", "Came", "Left")
    cells = "".join(f'<th class="sg-right sg-wide">{title}</th>' for title in heads)
    cells += "".join(f'<th class="sg-right">{escape(title)}</th>' for title in ("End", "Net", *others))
    head = f"<thead><tr><th>Segment</th>{cells}</tr></thead>"
    return f'<table class="sg-table sg-balance">{head}<tbody>{rows}</tbody></table>'


def _balance_row(persona: Persona, row: dict[Any, Any], compared: Sequence[int | None]) -> str:
    wide = "".join(f'<td class="sg-right sg-wide">{row[name]:,}</td>' for name in ("start", "came", "left"))
    nets = "".join(f'<td class="sg-right">{_net(number)}</td>' for number in (row["net"], *compared))
    first = f'<tr data-segment="{escape(persona.id)}"><td>{elements.segment_dot(persona)}</td>'
    return f'{first}{wide}<td class="sg-right">{row["end"]:,}</td>{nets}</tr>'


def _net(number: int | None) -> str:
    if number is None:
        return style.NOTHING
    return f"{number:+,}".replace("-", "−") if number else "0"


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
