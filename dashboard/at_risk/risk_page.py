"""The list of "At risk": filters, headline, risk states, the customers, and the file of all of them."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.at_risk import check_markup, checked, markup, past_people, risk_cache
from dashboard.at_risk.past_people import PastPeople
from dashboard.shared import controls, downloads, elements, page, rhythm_text, style
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from dashboard.shared.reading import progress
from dashboard.shared.risk_list import RiskList, Wanted, risk_list
from data.postgres.customer_columns import all_customers
from models.rhythm.checked_model import has_seen
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import RISK_STATES, RiskState
from models.units import to_micros

#: Makes the table of a file.
Ask = Callable[[Wanted, str, Connection], pd.DataFrame]

PAGE_SIZE = 25
# Pages beyond these are in the download only.
MOST_PAGES = 4_000
ORDERS = {"stake": "Most at stake", "newest": "State began last", "spent": "Spent most", "soonest": "Moves soonest"}
# Keys of the session state, and URL parameters.
STATE, FROM, STAKE, COUNTRY, ORDER, PAGE = (
    f"risk_{name}" for name in ("state", "segment", "stake", "country", "order", "page")
)


def draw(engine: Engine, moment: Moment, rhythm: RhythmModel) -> None:
    """Draw the filters, the numbers and the list."""
    answer = risk_cache.read(engine, moment, rhythm)
    at = style.stamp(answer.value.event_time)
    delay = "" if answer.is_current(moment.progress) else f"Numbers are as of event time {at}."
    compared = check_markup.section(checked.at_event_time(engine, moment, rhythm).value, rhythm.metadata)
    _draw(engine, answer.value, moment, delay, compared, partial(_all_rows, rhythm, moment))


def draw_past(engine: Engine, moment: Moment, rhythm: RhythmModel, people: PastPeople) -> None:
    """Draw the same as of a past day: the moment's event time is the day's, and its model the one of the day."""
    found = past_people.at_risk(people, rhythm)
    # A check of a fit that ended after the day is none that anybody could have seen.
    is_known = not has_seen(rhythm, to_micros(people.at))
    compared = check_markup.section(
        checked.at_past_day(moment, people.at, rhythm), rhythm.metadata, is_past=True, is_known=is_known
    )
    _draw(engine, found, moment, "", compared, partial(_past_rows, found, moment))


def _draw(engine: Engine, found: RiskList, moment: Moment, delay: str, compared: str, ask: Ask) -> None:
    wanted = _filters(found, moment)
    states = found.by_state(found.rows(wanted))
    st.html(markup.headline(states, moment.money) + markup.tiles(states, moment.money))
    page.note_if(delay)
    st.html(compared)
    _customers(engine, found, wanted, moment, ask)
    with st.expander("What do these numbers mean?"):
        st.html(markup.rule(moment.model.window_days))


def _customers(engine: Engine, found: RiskList, wanted: Wanted, moment: Moment, ask: Ask) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(elements.title("Customers", "One row each; an order makes a customer on rhythm again"))
        order = controls.choice("Order", ORDERS, ORDER)
        rows = found.rows(wanted, order)
        downloads.button(engine, _file(wanted, order, found), partial(ask, wanted, order), "risk_csv")
        page.note_if(downloads.limit_note(len(rows)))
    if not len(rows):
        st.html(elements.empty("No customer matches: remove a filter."))
        return
    pages = min(-(-len(rows) // PAGE_SIZE), MOST_PAGES)
    begin = (page.number(PAGE, pages, (wanted, order)) - 1) * PAGE_SIZE
    st.html(markup.table(found, rows[begin : begin + PAGE_SIZE], moment.personas, moment.money, moment.as_of))
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _filters(found: RiskList, moment: Moment) -> Wanted:
    states: list[RiskState] = st.pills(
        "Risk state",
        [*RISK_STATES],
        format_func=rhythm_text.STATES.__getitem__,
        selection_mode="multi",
        key=STATE,
        bind="query-params",
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        segments = st.pills(
            "Segment",
            [*moment.personas],
            format_func=lambda segment: in_markdown(moment.personas[segment].name),
            selection_mode="multi",
            key=FROM,
            bind="query-params",
            wrap=True,
        )
        least = controls.least_money("At stake, at least", moment.money, STAKE)
        countries = controls.countries(sorted(found.customers.country.texts), COUNTRY)
    return Wanted(segments, states, countries, least)


def _file(wanted: Wanted, order: str, found: RiskList) -> downloads.File:
    chosen = {"segments": [*wanted.segments], "states": [*wanted.states], "countries": [*wanted.countries]}
    name = f"at-risk-{found.event_time:%Y-%m-%d}.csv"
    return downloads.File(name, chosen | {"at_stake": wanted.least, "order": order})


def _all_rows(rhythm: RhythmModel, shown: Moment, wanted: Wanted, order: str, connection: Connection) -> pd.DataFrame:
    """The customers at the moment at which the file is asked for."""
    now = progress(connection).watermark or shown.event_time
    return _table(risk_list(all_customers(connection), rhythm, now), shown, wanted, order)


def _past_rows(found: RiskList, shown: Moment, wanted: Wanted, order: str, _connection: Connection) -> pd.DataFrame:
    return _table(found, shown, wanted, order).assign(as_of=pd.Timestamp(found.event_time))


def _table(found: RiskList, shown: Moment, wanted: Wanted, order: str) -> pd.DataFrame:
    table = found.frame(found.rows(wanted, order)[: downloads.MOST_ROWS])
    names = {segment: persona.name for segment, persona in shown.personas.items()}
    table.insert(3, "persona", table["segment"].map(lambda segment: names.get(segment, segment)))
    return table.assign(currency=shown.money.currency)
