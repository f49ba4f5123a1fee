"""The customer page: one customer's transactions and changes, the next change, and similar customers."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine, Row

from dashboard.customer import figures, life, markup, queries, why_markup
from dashboard.customer.figures import Outlook, Timeline
from dashboard.customer.markup import Portrait
from dashboard.customer.queries import RfmPoint
from dashboard.customer.why import Why, why
from dashboard.shared import elements, page, plotting
from dashboard.shared.identifiers import LONGEST, readings, resolve
from dashboard.shared.page import Moment
from dashboard.shared.personas import look_up
from dashboard.shared.profiles import profile, spend_before_floor
from dashboard.shared.rhythm import of_profile
from dashboard.shared.words import many
from models.rhythm.carried import rhythm_of
from models.segment_model import SegmentModel
from runtime.money import Money
from runtime.readable import visible

SUBTITLE = "One customer's transactions, the segments they were in, and their next change."
# The key is the URL parameter.
CUSTOMER = "customer"
SUGGESTED, NEIGHBOURS = 8, 6


@dataclass(frozen=True)
class Biography:
    """One customer, as of event time."""

    portrait: Portrait
    why: Why
    timeline: Timeline
    changes: pd.DataFrame
    neighbours: pd.DataFrame


def show(engine: Engine, money: Money) -> None:
    """Draw the page."""
    page.show(engine, money, "Customer", SUBTITLE, _draw)


def read(
    connection: Connection, model: SegmentModel, event_time: datetime, customer_id: str, money: Money
) -> Biography | None:
    """Everything about one customer; None if there is no such customer."""
    found = profile(connection, customer_id)
    if found is None:
        return None
    who = portrait_of(found, model, event_time)
    changes, ledger = queries.changes(connection, customer_id), queries.ledger(connection, customer_id)
    now = max(event_time, found.last_event_at)
    totals = (found.frequency, float(found.gross), float(found.returned))
    spend = life.spend_steps(ledger, model, *totals, now)
    timeline = Timeline(ledger, life.stays(changes, now), life.recency_line(ledger, now), spend, now, _outlook(who))
    nearest = pd.DataFrame()
    if who.segment is not None and who.recency_days is not None:
        point = RfmPoint(who.recency_days, who.frequency, who.monetary)
        nearest = queries.neighbours(connection, model, event_time, customer_id, point, NEIGHBOURS)
    return Biography(who, why(found, ledger, model, money), timeline, changes, nearest)


def portrait_of(found: Row[tuple[object, ...]], model: SegmentModel, event_time: datetime) -> Portrait:
    """A stored profile as of event time, with R and M as the model sees them."""
    rhythm = rhythm_of(model)
    bought = found.last_purchase_at or (found.last_event_at if found.segment else None)
    return Portrait(
        customer_id=found.customer_id,
        country=found.country,
        segment=found.segment,
        since=found.segment_since,
        recency_days=(max(event_time, found.last_event_at) - bought).days if bought else None,
        frequency=found.frequency,
        monetary=max(float(spend_before_floor(found, model)), 0.0),
        first_purchase_at=found.first_purchase_at,
        next_change_at=found.next_change_at,
        next_segment=found.next_segment,
        rhythm=None if rhythm is None else of_profile(rhythm, found, max(event_time, found.last_event_at)),
    )


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
    if not readings(typed):
        st.html(markup.welcome(queries.moved_last(moment.connection, SUGGESTED)))
        return
    find = partial(read, moment.connection, moment.model, moment.event_time, money=moment.money)
    wanted, biography = resolve(typed, find)
    if biography is None:
        st.html(markup.unknown(wanted, queries.suggestions(moment.connection, wanted, SUGGESTED)))
        return
    _draw_customer(biography, moment)


def _draw_customer(biography: Biography, moment: Moment) -> None:
    known, who = moment.personas, biography.portrait
    timeline = biography.timeline
    st.html(markup.portrait(who, known, timeline.now, moment.money))
    if who.segment is not None:
        st.html(markup.advice(who, known, moment.money))
        st.html(markup.simulator_link(who.customer_id))
    st.html(elements.title("Why here, and what would move them"))
    st.html(why_markup.why(biography.why, who, moment.model.monetary, known, timeline.now, moment.money))
    seen = [*timeline.stays["segment"], *([who.next_segment] if who.next_segment else [])]
    colours = markup.persona_legend(seen, known)
    note = "Triangles that point up are sales, down returns. The dotted line is the current event time."
    st.html(elements.title("History") + f'<div class="sg-note">{note} {colours}</div>')
    alt = (
        f"Customer {visible(who.customer_id)}: {many(len(timeline.ledger), 'transaction')} and "
        f"{many(len(biography.changes), 'segment change')}, now {visible(look_up(known, who.segment).name)}"
    )
    st.plotly_chart(figures.timeline(timeline, known, moment.money), key="life", config=plotting.CONFIG, alt=alt)
    past, like = st.columns([1.7, 1], gap="large")
    with past:
        st.html(elements.title("Segment changes", "With the exact event time (UTC) at which each change became true"))
        st.html(markup.past(biography.changes, known, moment.money))
    with like:
        st.html(elements.title("Similar customers", "The nearest ones in the model's space of R, F and M"))
        st.html(markup.neighbours(biography.neighbours, known, moment.money))


def _outlook(who: Portrait) -> Outlook | None:
    return Outlook(who.next_change_at, who.next_segment) if who.next_change_at and who.next_segment else None
