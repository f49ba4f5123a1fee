"""The customer page as of a past day."""

from datetime import datetime
from functools import partial

import streamlit as st

from dashboard.customer import history, markup, past_life, why_markup
from dashboard.customer.past_life import PastBiography
from dashboard.shared import elements, past_predictions, style
from dashboard.shared.identifiers import resolve
from dashboard.shared.literal import escape
from dashboard.shared.page import Moment
from dashboard.shared.profiles import profile
from runtime.money import Money

NOT_SHOWN = "Advice, similar customers and the simulator are about now, so they are not shown as of a past day."


def draw(moment: Moment, at: datetime, typed: str | None) -> tuple[str, bool]:
    """Draw a customer; returns the number that was looked for, and whether there is such a customer now.

    Raises
    ------
    data.postgres.past_states.PastError
        If the customer can't be shown as of the day.
    """
    connection = moment.connection
    wanted, found = resolve(typed, partial(past_life.read, connection, moment.personas, at, money=moment.money))
    if found is not None:
        _draw_customer(found, at, moment.money)
        return wanted, True
    wanted, present = resolve(typed, partial(profile, connection))
    if present is not None:
        text = f"Customer {escape(wanted)} had no order by {style.stamp(at)}. Choose a later day, or go back to now."
        st.html(f'<div class="sg-nobody" data-not-yet>{text}</div>')
    return wanted, present is not None


def _draw_customer(found: PastBiography, at: datetime, money: Money) -> None:
    known, who = found.known, found.portrait
    st.html(markup.portrait(who, known, at, money))
    st.html(elements.note(f"{past_predictions.sentence(found.model, at)} {NOT_SHOWN}"))
    st.html(elements.title("Why here, and what would have moved them"))
    if found.why is None:
        st.html(elements.note(markup.UNSETTLED))
    else:
        st.html(why_markup.why(found.why, who, found.model.monetary, known, at, money, "after this day"))
    history.draw(found.timeline, who, found.changes, known, money, "past day", "then")
    history.changes(found.changes, known, money)
    history.risks(found.risks)
