"""One customer's life: what they bought, how time and purchases moved them, what comes next, and who is like them."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine, Row

from dashboard import blocks, life
from dashboard.charts import base
from dashboard.charts import customer as charts
from dashboard.charts.customer import Life, Outlook
from dashboard.identifiers import LONGEST, cleaned
from dashboard.personas import look_up
from dashboard.queries import customer as queries
from dashboard.queries.customer import Place
from dashboard.views import customer_blocks, page
from dashboard.views.as_of import event_time
from dashboard.views.customer_blocks import Portrait
from dashboard.views.page import Moment
from dashboard.words import many
from models.segment_model import SegmentModel

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
    spent = max(found.gross - found.returned, 0) if model.monetary == "net" else found.gross
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
        st.html(customer_blocks.welcome(queries.moved_last(moment.connection, SUGGESTED)))
        return
    told = read(moment.connection, moment.model, event_time(moment), wanted)
    if told is None:
        st.html(customer_blocks.unknown(wanted, queries.suggestions(moment.connection, wanted, SUGGESTED)))
        return
    _tell(told, moment)


def _tell(told: Biography, moment: Moment) -> None:
    known, who = moment.personas, told.portrait
    st.html(customer_blocks.portrait(who, known, told.life.now))
    if who.segment is not None:
        st.html(customer_blocks.advice(who, known))
        st.html(customer_blocks.simulator_link(who.customer_id))
    seen = [*told.life.stretches["segment"], *([who.next_segment] if who.next_segment else [])]
    colours = customer_blocks.personas_seen(seen, known)
    note = '<div class="sg-note">Triangles up are sales, triangles down returns. The dotted line is now, in event time.'
    st.html(blocks.title("Their life") + f"{note} {colours}</div>")
    alt = (
        f"Customer {who.customer_id}: {many(len(told.life.ledger), 'transaction')} and "
        f"{many(len(told.changes), 'segment change')}, now {look_up(known, who.segment).name}"
    )
    st.plotly_chart(charts.life(told.life, known), key="life", config=base.CONFIG, alt=alt)
    past, like = st.columns([1.7, 1], gap="large")
    with past:
        st.html(
            blocks.title("How they moved", "The exact moment at which each change became true, in event time (UTC)")
        )
        st.html(customer_blocks.past(told.changes, known))
    with like:
        st.html(blocks.title("Who is like them", "The nearest in the model's space of R, F and M"))
        st.html(customer_blocks.neighbours(told.neighbours, known))


def _outlook(who: Portrait) -> Outlook | None:
    return Outlook(who.next_change_at, who.next_segment) if who.next_change_at and who.next_segment else None
