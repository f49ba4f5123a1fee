"""The page "At risk": customers by the money at stake, and those whom time alone moves out of a good segment."""

from dataclasses import replace
from datetime import datetime
from functools import partial

import streamlit as st
from sqlalchemy import Engine

from dashboard.at_risk import past_people, risk_page, slips_page
from dashboard.shared import controls, elements, page, past, past_predictions, window_notes
from dashboard.shared.page import Moment
from models.rhythm.carried import METADATA_KEY, rhythm_of
from runtime.money import Money

SUBTITLE = "The customers who matter most, by what is lost if they do not come back."
REFRESH_SECONDS = 10
VIEWS = {"rhythm": "By their own rhythm", "time": "Moves by time alone"}
# Key of the session state, and URL parameter.
VIEW = "risk_view"
#: What the lists say of customers under a model with a window.
ALL_TIME = "Purchases and spend are those"
WITHOUT = (
    '<div class="sg-note">No predictions: {}. Below are moves by time alone. <code>segue fit</code> makes a model with '
    "predictions; <code>segue models activate challenger</code> activates it.</div>"
)


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it refreshes every few seconds and keeps the reader's choices."""
    page.show(engine, money, "At risk", SUBTITLE, partial(_draw, engine), REFRESH_SECONDS, has_past=True)


def _draw(engine: Engine, moment: Moment) -> None:
    if moment.as_of is not None:
        _draw_past(engine, moment, moment.as_of)
        return
    rhythm = rhythm_of(moment.model)
    page.note_if(window_notes.lifetime(moment.model, ALL_TIME))
    if rhythm is None:
        is_broken = METADATA_KEY in moment.model.metadata
        reason = "this version cannot use those of the model" if is_broken else "this model was fitted without them"
        st.html(WITHOUT.format(reason))
        slips_page.draw(engine, moment)
    elif _view() == "time":
        slips_page.draw(engine, moment)
    else:
        risk_page.draw(engine, moment, rhythm)


def _draw_past(engine: Engine, moment: Moment, at: datetime) -> None:
    found = past_people.read(past.customers_at(moment, at), moment.connection)
    then = replace(moment, model=found.model, personas=found.known, event_time=at)
    rhythm = rhythm_of(found.model)
    st.html(elements.note(past_predictions.sentence(found.model, at)))
    if found.unsettled:
        st.html(elements.note(past_people.unsettled(found.unsettled)))
    page.note_if(window_notes.lifetime(found.model, ALL_TIME))
    if rhythm is None or _view() == "time":
        slips_page.draw(engine, then, found)
    else:
        risk_page.draw_past(engine, then, rhythm, found)


def _view() -> str:
    # A link may have choices of the list of moves by time, and name no list.
    is_about_slips = any(name.startswith("slip_") for name in st.query_params)
    return controls.choice("List", VIEWS, VIEW, "time" if is_about_slips else "rhythm")
