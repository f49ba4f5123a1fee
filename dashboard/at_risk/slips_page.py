"""The moves of "At risk": who leaves a good segment by time alone, on which day, and their spend."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.at_risk import past_slips, slips_figures, slips_markup, slips_queries
from dashboard.at_risk.past_people import PastPeople
from dashboard.at_risk.slips_queries import Slips
from dashboard.shared import controls, downloads, elements, flows, history, page, personas, plotting
from dashboard.shared.countries import by_frequency
from dashboard.shared.labels import BY_TIME
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from runtime.counts import many

PAGE_SIZE = 25
# Pages beyond these are in the download only.
MOST_PAGES = 400
HORIZONS = {7: "1 week", 14: "2 weeks", 30: "30 days", 60: "60 days", 90: "90 days", 365: "1 year"}
DEFAULT_HORIZON = 30
LONGEST_CALENDAR = 92
MEASURES = {"customers": "Customers", "worth": "Money"}
SHAPES = {"bars": "Bars", "calendar": "Calendar"}
ORDERS = {"urgent": "Most urgent", "soonest": "Soonest", "worth": "Worth most", "silent": "Silent longest"}
# Keys of the session state, and URL parameters.
HORIZON, FROM, WORTH, COUNTRY = "slip_days", "slip_from", "slip_worth", "slip_country"
MEASURE, SHAPE, ORDER, PAGE = "slip_measure", "slip_shape", "slip_order", "slip_page"


class Queries(NamedTuple):
    """The questions of the page: of Postgres now, or of all customers at a past moment."""

    calendar: Callable[[Slips], pd.DataFrame]
    page: Callable[[Slips, str, int, int], pd.DataFrame]
    countries: Callable[[], list[str]]


def draw(engine: Engine, moment: Moment, people: PastPeople | None = None) -> None:
    """Draw the filters, the numbers, the days and the list; as of a past day from all customers at that moment."""
    good = personas.good_personas(moment.personas)
    pairs = personas.slips(moment.model)
    if not pairs:
        st.html(elements.empty("This model has no good segment that customers could slip out of."))
        return
    ask = _now(moment) if people is None else _then(people)
    slips, horizon = _filters(moment, good, pairs, ask.countries())
    days = ask.calendar(slips)
    st.html(slips_markup.headline(days, slips.until, _past_slips(moment, slips, horizon), moment.money))
    if days.empty:
        st.html(elements.empty("No customer does. Look further ahead, or remove a filter."))
    else:
        _outlook(days, slips, horizon, moment)
        _customers(engine, slips, int(days["customers"].sum()), moment, ask)
    with st.expander("What is a slip, and how is its day computed?"):
        st.html(slips_markup.rule(good, moment.personas, moment.model.window_days))


def _past_slips(moment: Moment, slips: Slips, horizon: int) -> str:
    """A sentence about as many days back as the page looks ahead; empty with a filter that the history cannot apply."""
    since = flows.window_start(slips.now, horizon)
    if since is None or slips.worth or slips.countries:
        return ""
    days = history.until(moment.connection, moment.progress, moment.as_of)
    number = sum(flows.moves(flows.between(days, since), slips.pairs, cause) for cause in BY_TIME)
    return f"Time alone made {many(number, 'such move')} in the last {many(horizon, 'event day')}."


def _filters(
    moment: Moment, good: list[personas.Persona], pairs: list[slips_queries.Pair], countries: list[str]
) -> tuple[Slips, int]:
    names = {
        persona.id: in_markdown(persona.name) for persona in good if any(persona.id == before for before, _ in pairs)
    }
    horizon = st.segmented_control(
        "Look ahead",
        [*HORIZONS],
        default=DEFAULT_HORIZON,
        format_func=HORIZONS.__getitem__,
        required=True,
        key=HORIZON,
        bind="query-params",
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        chosen = st.pills(
            "Leaving",
            [*names],
            format_func=names.__getitem__,
            selection_mode="multi",
            key=FROM,
            bind="query-params",
            wrap=True,
        )
        worth = controls.least_money("Net spend of at least", moment.money, WORTH)
        wanted_countries = controls.countries(countries, COUNTRY)
    now = moment.event_time
    wanted = [pair for pair in pairs if not chosen or pair[0] in chosen]
    return Slips(wanted, now, slips_queries.until(now, horizon), int(worth), wanted_countries), horizon


def _outlook(days: pd.DataFrame, slips: Slips, horizon: int, moment: Moment) -> None:
    when, where = st.columns([1.9, 1], gap="large")
    by_day = horizon <= LONGEST_CALENDAR
    with when:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.html(elements.title("When they slip", "By event day" if by_day else "By event week"))
            measure = controls.choice("Measure", MEASURES, MEASURE)
            shape = controls.choice("Shape", SHAPES, SHAPE) if by_day else "bars"
        if shape == "calendar":
            st.html(slips_markup.calendar(days, slips.now, slips.until, measure, moment.money))
        else:
            width = slips_figures.bin_days(horizon)
            bars = slips_figures.slip_bars(days, moment.personas, measure, width, moment.money)
            st.plotly_chart(bars, key="slip_bars", config=plotting.CONFIG, alt="Upcoming slips by day and segment")
    with where:
        st.html(elements.title("Moves ahead", "With the spend so far of these customers"))
        st.html(slips_markup.routes(days, moment.personas, moment.money))


def _customers(engine: Engine, slips: Slips, number: int, moment: Moment, queries: Queries) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(elements.title("Customers", "A purchase before the day keeps them"))
        order = controls.choice("Order", ORDERS, ORDER)
        ask = (
            partial(_all_rows, slips, order, moment)
            if moment.as_of is None
            else partial(_past_rows, slips, order, moment, queries)
        )
        downloads.button(engine, _file(slips, order), ask, "slip_csv")
        page.note_if(downloads.limit_note(number))
    pages = min(-(-number // PAGE_SIZE), MOST_PAGES)
    days = (slips.until - slips.now).days
    chosen = page.number(PAGE, pages, (slips.pairs, days, slips.worth, slips.countries, order))
    found = queries.page(slips, order, PAGE_SIZE, (chosen - 1) * PAGE_SIZE)
    st.html(slips_markup.table(found, moment.personas, moment.money, moment.as_of))
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _file(slips: Slips, order: str) -> downloads.File:
    name = f"about-to-slip-{slips.now:%Y-%m-%d}.csv"
    leaving = sorted({before for before, _ in slips.pairs})
    chosen = {"leaving": leaving, "until": f"{slips.until:%Y-%m-%d}", "worth": slips.worth, "order": order}
    return downloads.File(name, chosen | {"countries": [*slips.countries]})


def _all_rows(slips: Slips, order: str, moment: Moment, connection: Connection) -> pd.DataFrame:
    found = slips_queries.page(connection, slips, order, downloads.MOST_ROWS)
    return downloads.with_names(found, moment.model).assign(currency=moment.money.currency)


def _past_rows(slips: Slips, order: str, moment: Moment, queries: Queries, _connection: Connection) -> pd.DataFrame:
    found = downloads.with_names(queries.page(slips, order, downloads.MOST_ROWS, 0), moment.model)
    return found.assign(as_of=pd.Timestamp(slips.now), currency=moment.money.currency)


def _now(moment: Moment) -> Queries:
    q, connection = slips_queries, moment.connection
    return Queries(partial(q.calendar, connection), partial(q.page, connection), partial(by_frequency, moment))


def _then(people: PastPeople) -> Queries:
    q = past_slips
    return Queries(partial(q.calendar, people), partial(q.page, people), partial(q.countries, people))
