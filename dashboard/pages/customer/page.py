"""One customer's life: what they bought, how time and purchases moved them, what comes next, and who is like them."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine, Row

from dashboard.pages.customer import figures as charts
from dashboard.pages.customer import life, markup, queries
from dashboard.pages.customer.figures import Life, Outlook
from dashboard.pages.customer.markup import Portrait
from dashboard.pages.customer.queries import Place
from dashboard.shared import elements, page, plotting
from dashboard.shared.as_of import event_time
from dashboard.shared.identifiers import LONGEST, cleaned
from dashboard.shared.page import Moment
from dashboard.shared.personas import look_up
from dashboard.shared.words import many
from models.segment_model import SegmentModel, net_or_gross

NOTE = "Everything one customer did, the segments they went through, and where time will take them."
# The key is the name in the address.
CUSTOMER = "customer"
SUGGESTED, NEIGHBOURS = 8, 6


@dataclass(frozen=True)
class Biography:
    """One customer, as of event time."""

    portrait: Portrait
    life: Life
    changes: pd.DataFrame
    neighbours: pd.DataFrame


def show(engine: Engine) -> None:
    """The page."""
    page.show(engine, "Customer", NOTE, _draw)


def read(connection: Connection, model: SegmentModel, event_time: datetime, customer_id: str) -> Biography | None:
    """Everything about one customer; None if there is no such customer."""
    found = queries.profile(connection, customer_id)
    if found is None:
        return None
    who = portrait_of(found, model, event_time)
    changes, ledger = queries.changes(connection, customer_id), queries.ledger(connection, customer_id)
    now = max(event_time, found.last_event_at)
    totals = (found.frequency, float(found.gross), float(found.returned))
    worth = life.worth_steps(ledger, model, *totals, now)
    story = Life(ledger, life.stretches(changes, now), life.recency_line(ledger, now), worth, now, _outlook(who))
    nearest = pd.DataFrame()
    if who.segment is not None and who.recency_days is not None:
        place = Place(who.recency_days, who.frequency, who.monetary)
        nearest = queries.neighbours(connection, model, event_time, customer_id, place, NEIGHBOURS)
    return Biography(who, story, changes, nearest)


def portrait_of(found: Row[tuple[object, ...]], model: SegmentModel, event_time: datetime) -> Portrait:
    """A stored profile as of event time, with R and M as the model sees them."""
    bought = found.last_purchase_at
    spent = net_or_gross(model.monetary, found.gross, found.returned)
    return Portrait(
        customer_id=found.customer_id,
        country=found.country,
        segment=found.segment,
        since=found.segment_since,
        recency_days=(max(event_time, found.last_event_at) - bought).days if bought else None,
        frequency=found.frequency,
        monetary=float(spent),
        first_purchase_at=found.first_purchase_at,
        next_change_at=found.next_change_at,
        next_segment=found.next_segment,
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
    wanted = cleaned(typed)
    if not wanted:
        st.html(markup.welcome(queries.moved_last(moment.connection, SUGGESTED)))
        return
    told = read(moment.connection, moment.model, event_time(moment), wanted)
    if told is None:
        st.html(markup.unknown(wanted, queries.suggestions(moment.connection, wanted, SUGGESTED)))
        return
    _tell(told, moment)


def _tell(told: Biography, moment: Moment) -> None:
    known, who = moment.personas, told.portrait
    st.html(markup.portrait(who, known, told.life.now))
    if who.segment is not None:
        st.html(markup.advice(who, known))
        st.html(markup.simulator_link(who.customer_id))
    seen = [*told.life.stretches["segment"], *([who.next_segment] if who.next_segment else [])]
    colours = markup.personas_seen(seen, known)
    note = '<div class="sg-note">Triangles up are sales, triangles down returns. The dotted line is now, in event time.'
    st.html(elements.title("Their life") + f"{note} {colours}</div>")
    alt = (
        f"Customer {who.customer_id}: {many(len(told.life.ledger), 'transaction')} and "
        f"{many(len(told.changes), 'segment change')}, now {look_up(known, who.segment).name}"
    )
    st.plotly_chart(charts.life(told.life, known), key="life", config=plotting.CONFIG, alt=alt)
    past, like = st.columns([1.7, 1], gap="large")
    with past:
        st.html(
            elements.title("How they moved", "The exact moment at which each change became true, in event time (UTC)")
        )
        st.html(markup.past(told.changes, known))
    with like:
        st.html(elements.title("Who is like them", "The nearest in the model's space of R, F and M"))
        st.html(markup.neighbours(told.neighbours, known))


def _outlook(who: Portrait) -> Outlook | None:
    return Outlook(who.next_change_at, who.next_segment) if who.next_change_at and who.next_segment else None
