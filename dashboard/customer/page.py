"""The customer page: one customer's transactions and changes, the next change, and similar customers."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.customer import history, life, markup, past_page, queries, why_markup
from dashboard.customer.figures import Outlook, Timeline
from dashboard.customer.markup import Portrait
from dashboard.customer.portraits import portrait_of
from dashboard.customer.queries import RfmPoint
from dashboard.customer.why import SegmentReason, why
from dashboard.shared import elements, page
from dashboard.shared.identifiers import LONGEST, readings, resolve
from dashboard.shared.page import Moment
from dashboard.shared.profiles import counted, profile
from models.segment_model import SegmentModel
from runtime.money import Money

SUBTITLE = "One customer's transactions, the segments they were in, and their next change."
# The key is the URL parameter.
CUSTOMER = "customer"
SUGGESTED, NEIGHBOURS = 8, 6


@dataclass(frozen=True)
class Biography:
    """One customer, as of event time."""

    portrait: Portrait
    why: SegmentReason
    timeline: Timeline
    changes: pd.DataFrame
    risks: pd.DataFrame
    neighbours: pd.DataFrame


def show(engine: Engine, money: Money) -> None:
    """Draw the page."""
    page.show(engine, money, "Customer", SUBTITLE, _draw, has_past=True)


def read(
    connection: Connection, model: SegmentModel, event_time: datetime, customer_id: str, money: Money
) -> Biography | None:
    """Everything about one customer; None if there is no such customer."""
    found = profile(connection, customer_id)
    if found is None:
        return None
    totals = counted(connection, found, model, event_time)
    who = portrait_of(found, totals, model, event_time)
    changes, ledger = queries.changes(connection, customer_id), queries.ledger(connection, customer_id)
    now = max(event_time, found.last_event_at)
    spend = life.spend_steps(ledger, model, totals.frequency, float(totals.gross), float(totals.returned), now)
    lived = life.stays(changes, now), life.recency_line(ledger, now)
    timeline = Timeline(ledger, *lived, spend, now, _outlook(who), model.window_days)
    nearest = pd.DataFrame()
    if who.segment is not None and who.recency_days is not None:
        point = RfmPoint(who.recency_days, who.frequency, who.monetary)
        nearest = queries.neighbours(connection, model, event_time, customer_id, point, NEIGHBOURS)
    risks = queries.risks(connection, customer_id)
    reasons = why(found, totals, ledger, model, now, money)
    return Biography(who, reasons, timeline, changes, risks, nearest)


def _draw(moment: Moment) -> None:
    typed = st.text_input(
        "Customer number",
        key=CUSTOMER,
        bind="query-params",
        max_chars=LONGEST,
        type="search",
        placeholder="For example 12347",
        width=320,
    )
    at = moment.as_of
    if not readings(typed):
        st.html(markup.welcome(queries.moved_last(moment.connection, SUGGESTED, at), at))
        return
    wanted, is_known = _draw_present(moment, typed) if at is None else past_page.draw(moment, at, typed)
    if not is_known:
        st.html(markup.unknown(wanted, queries.suggestions(moment.connection, wanted, SUGGESTED), at))


def _draw_present(moment: Moment, typed: str | None) -> tuple[str, bool]:
    """Draw a customer; returns the number that was looked for, and whether there is such a customer."""
    find = partial(read, moment.connection, moment.model, moment.event_time, money=moment.money)
    wanted, biography = resolve(typed, find)
    if biography is not None:
        _draw_customer(biography, moment)
    return wanted, biography is not None


def _draw_customer(biography: Biography, moment: Moment) -> None:
    known, who = moment.personas, biography.portrait
    timeline = biography.timeline
    st.html(markup.portrait(who, known, timeline.now, moment.money))
    if who.segment is not None:
        st.html(markup.advice(who, known, moment.money))
        st.html(markup.simulator_link(who.customer_id))
    st.html(elements.title("Why here, and what would move them"))
    st.html(why_markup.why(biography.why, who, moment.model.monetary, known, timeline.now, moment.money))
    history.draw(timeline, who, biography.changes, known, moment.money, "current event time", "now")
    past, like = st.columns([1.7, 1], gap="large")
    with past:
        history.changes(biography.changes, known, moment.money)
        history.risks(biography.risks)
    with like:
        st.html(elements.title("Similar customers", "The nearest ones in the model's space of R, F and M"))
        st.html(markup.neighbours(biography.neighbours, known, moment.money))


def _outlook(who: Portrait) -> Outlook | None:
    return Outlook(who.next_change_at, who.next_segment) if who.next_change_at and who.next_segment else None
