"""The simulator's text: the segment, the steps of a future, and the mean customer of each segment."""

import math
from typing import Any

import pandas as pd

from dashboard.shared import elements, style, typical_text
from dashboard.shared.literal import escape
from dashboard.shared.personas import Persona
from dashboard.simulator.simulation import Scored, SimulatedProfile, Step
from runtime.money import Money

#: Days since the last purchase, purchases, and spend.
Rfm = tuple[int, int, float]


def verdict(persona: Persona, path: list[Step], personas: list[Persona], who: Rfm, money: Money) -> str:
    """The segment, the recommended action or why it may be wrong, and the first move by time alone."""
    misfit = None if persona.typical is None else typical_text.misfit(persona.name, persona.typical, who, money)
    action = persona.action if misfit is None else f"{misfit} The usual advice for {persona.name} may not hold."
    outlook = "They never move by time alone."
    if len(path) > 1:
        outlook = elements.outlook(personas[path[1].segment], path[1].at, path[0].at)
    return (
        f'<div class="sg-who" style="--persona:{escape(persona.colour)}"><div class="sg-eyebrow">The segment</div>'
        f'<div class="sg-day" data-verdict="{escape(persona.id)}">{escape(persona.name)}</div>'
        f"<p>{escape(typical_text.about(persona, money))}</p><p><b>{escape(action)}</b></p><p>{outlook}</p></div>"
    )


def steps(title: str, path: list[Step], personas: list[Persona]) -> str:
    """The steps of a future, with their exact event times."""
    rows = "".join(
        f'<tr><td class="sg-when">{style.stamp(step.at)}</td>'
        f"<td>{elements.segment_dot(personas[step.segment])}</td>"
        f"<td>{elements.cause_label(step.cause) if step.cause else 'now'}</td></tr>"
        for step in path
    )
    head = "<tr><th>Event time (UTC)</th><th>Segment</th><th>Cause</th></tr>"
    table = f'<table class="sg-changes sg-people sg-steps"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'<div class="sg-eyebrow">{escape(title)}</div>{table}'


def compared(
    profile: SimulatedProfile,
    recency_days: int,
    scored: Scored,
    means: pd.DataFrame,
    personas: list[Persona],
    money: Money,
) -> str:
    """This customer beside the mean customer of every segment.

    Parameters
    ----------
    means
        By segment: customers, and the means of recency, frequency and monetary; segments without customers are missing.
    personas
        By segment number.
    """
    own = int(scored.segment[0])
    rows = "".join(
        f"<tr{' class=sg-own' if number == own else ''}><td>{elements.segment_dot(persona)}</td>"
        f'{_mean(means, persona.id, money)}<td class="sg-right">{_distance(scored.distances[0, number])}</td></tr>'
        for number, persona in enumerate(personas)
    )
    this = _cells(recency_days, profile.frequency, max(float(profile.monetary), 0.0), money)
    head = "".join(f'<th class="sg-right">{name}</th>' for name in ("Days since", "Purchases", "Spend", "Distance"))
    return (
        f'<table class="sg-changes sg-people"><thead><tr><th>Mean customer of</th>{head}</tr></thead><tbody>'
        f'<tr><td><b>This customer</b></td>{this}<td class="sg-right"></td></tr>{rows}</tbody></table>'
    )


def _distance(value: float) -> str:
    return style.NOTHING if math.isnan(value) else f"{value:.2f}"


def _mean(means: pd.DataFrame, segment: str, money: Money) -> str:
    if segment not in means.index:
        return '<td class="sg-right">no customers</td>' + '<td class="sg-right"></td>' * 2
    row: dict[Any, float] = means.loc[segment].to_dict()
    return _cells(row["recency"], row["frequency"], row["monetary"], money)


def _cells(recency: float, frequency: float, monetary: float, money: Money) -> str:
    written = (f"{recency:,.0f}", f"{frequency:,.1f}".removesuffix(".0"), money.exact(monetary))
    return "".join(f'<td class="sg-right">{value}</td>' for value in written)
