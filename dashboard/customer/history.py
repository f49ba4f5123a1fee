"""The customer page's figure and its list of changes, of the present or as of a past day."""

import pandas as pd
import streamlit as st

from dashboard.customer import figures, markup, risk_markup
from dashboard.customer.figures import Timeline
from dashboard.customer.markup import Portrait
from dashboard.shared import elements, plotting
from dashboard.shared.personas import Personas, look_up
from runtime.counts import many
from runtime.money import Money
from runtime.readable import visible


def draw(
    timeline: Timeline, who: Portrait, changes: pd.DataFrame, known: Personas, money: Money, line: str, when: str
) -> None:
    """Draw the figure.

    Parameters
    ----------
    line, when
        What the dotted line is, and when the customer is in their segment, in words.
    """
    seen = [*timeline.stays["segment"], *([who.next_segment] if who.next_segment else [])]
    colours = markup.persona_legend(seen, known)
    note = f"Triangles that point up are sales, down returns. The dotted line is the {line}."
    st.html(elements.title("History") + f'<div class="sg-note">{note} {colours}</div>')
    alt = (
        f"Customer {visible(who.customer_id)}: {many(len(timeline.ledger), 'transaction')} and "
        f"{many(len(changes), 'segment change')}, {when} {visible(look_up(known, who.segment).name)}"
    )
    st.plotly_chart(figures.timeline(timeline, known, money), key="life", config=plotting.CONFIG, alt=alt)


def changes(found: pd.DataFrame, known: Personas, money: Money) -> None:
    """Draw the list of changes."""
    st.html(elements.title("Segment changes", "With the exact event time (UTC) at which each change became true"))
    st.html(markup.past(found, known, money))


def risks(found: pd.DataFrame) -> None:
    """Draw the list of changes of risk state, if there are any."""
    if found.empty:
        return
    older = int(found["kept"].max()) - len(found)
    rest = f"; {many(older, 'older one')} not shown" if older else ""
    st.html(elements.title("Against their own rhythm", f"Changes of risk state, with exact event times (UTC){rest}"))
    st.html(risk_markup.past(found))
