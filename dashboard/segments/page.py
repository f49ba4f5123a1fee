"""The segments page: how the segments differ, their customers, and the recommended action for each."""

from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.segments import figures, markup, past_page, past_table, queries
from dashboard.segments.distributions import PER_DECADE, Distributions, binned, summary
from dashboard.segments.queries import CustomerSearch, Sort
from dashboard.shared import countries, downloads, elements, page, past, plotting, style, window_notes
from dashboard.shared.caching import RecentAnswer
from dashboard.shared.identifiers import cleaned
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from dashboard.shared.past import Past
from dashboard.shared.personas import Personas
from dashboard.shared.profiles import SegmentPopulation
from dashboard.shared.reading import StreamProgress
from runtime.counts import many
from runtime.money import Money
from runtime.readable import visible

SUBTITLE = "How the segments differ in recency, frequency and spend, and the customers in them."
SAMPLE, PAGE_SIZE, MOST_PAGES = 1_500, 25, 4_000
MOST_COUNTRIES = 300
# Keys of the session state, and URL parameters.
CHOSEN, SEARCH, COUNTRY, SORT, PAGE = (f"segments_{name}" for name in ("personas", "search", "country", "sort", "page"))
ANYWHERE = "All countries"
CSV_NAME = "segue-customers.csv"
ORDERS = {
    "Highest spending": Sort("monetary", descending=True),
    "Lowest spending": Sort("monetary", descending=False),
    "Most purchases": Sort("frequency", descending=True),
    "Fewest purchases": Sort("frequency", descending=False),
    "Latest purchase": Sort("recency", descending=False),
    "Longest silence": Sort("recency", descending=True),
    "Next to move": Sort("next_change_at", descending=False),
    "Longest in their segment": Sort("segment_since", descending=False),
    "Customer": Sort("customer_id", descending=False),
    "Country": Sort("country", descending=False),
}


def show(engine: Engine, money: Money) -> None:
    """Draw the page."""
    page.show(engine, money, "Segments", SUBTITLE, partial(_draw, engine), has_past=True)


def read(connection: Connection, population: SegmentPopulation) -> Distributions:
    """The distributions of R, F and M in a population's segments."""
    whole = {name: queries.counts(connection, population, name) for name in ("recency", "frequency")}
    numbers = queries.money(connection, population).set_index("segment").add_prefix("monetary_")
    numbers = numbers.rename(columns={f"monetary_{name}": name for name in ("customers", "total", "net")})
    for name, counts in whole.items():
        numbers = numbers.join(summary(counts)[["mean", "median"]].add_prefix(f"{name}_"))
    bins = {name: binned(counts) for name, counts in whole.items()}
    bins["monetary"] = queries.money_bins(connection, population, PER_DECADE)
    return Distributions(numbers, bins)


@st.cache_resource(max_entries=4, show_spinner=False)
def _recent(database_and_model: str) -> RecentAnswer[Distributions]:
    """The last distributions of a database and a model, which every click on the page needs again."""
    return RecentAnswer()


@st.cache_resource(max_entries=8, show_spinner=False)
def _recent_sample(database_and_model: str, segments: tuple[str, ...]) -> RecentAnswer[pd.DataFrame]:
    """The last sample of customers of some segments: sorting all customers by a hash takes half a second."""
    return RecentAnswer()


def _draw(engine: Engine, moment: Moment) -> None:
    if moment.as_of is None:
        page.note_if(window_notes.counted(moment.model))
        _draw_present(engine, moment)
    else:
        _draw_past(engine, moment, past.customers_at(moment, moment.as_of))


def _draw_past(engine: Engine, moment: Moment, found: Past) -> None:
    for model in found.models.values():
        page.note_if(window_notes.counted(model))
    chosen = _personas_control(found.known)
    whole = past_page.distributions(found)
    shown = whole.of(chosen)
    if not shown.customers:
        st.html(elements.empty("These segments had no customers then. Choose others, or a later day."))
        return
    known = {segment: persona for segment, persona in found.known.items() if segment in chosen}
    st.html(markup.cards(shown.summary, known, whole.customers, moment.money))
    _ridges(shown, known, moment.money, style.stamp(found.at))
    _cloud(past_table.sample(found.rows, chosen, SAMPLE), known, shown.customers, moment.money)
    st.html(elements.title("Customers", "As they were then. Select a number for the customer's page, as of this day."))
    search, sort = _search_controls(moment, {name: by for name, by in ORDERS.items() if by.key in found.rows})
    past_page.customers(engine, found, chosen, search, sort, PAGE_SIZE, PAGE, moment.money)


def _draw_present(engine: Engine, moment: Moment) -> None:
    chosen, now = _personas_control(moment.personas), moment.event_time
    whole = SegmentPopulation(moment.model, now, [*moment.personas])
    kept = engine.url.render_as_string() + moment.model.version
    answer = _recent(kept).read(moment.progress, partial(read, moment.connection, whole))
    shown, population = answer.value.of(chosen), SegmentPopulation(moment.model, now, chosen)
    if not shown.customers:
        st.html(elements.empty("These segments have no customers now. Choose others above."))
        return
    known = {segment: persona for segment, persona in moment.personas.items() if segment in chosen}
    fresh = answer.is_current(moment.progress)
    page.note_if("" if fresh else f"Cards and distributions are {_as_of(answer.progress)}.")
    st.html(markup.cards(shown.summary, known, answer.value.customers, moment.money))
    _ridges(shown, known, moment.money)
    total = shown.customers if fresh else queries.count(moment.connection, population, CustomerSearch())
    draw_sample = partial(queries.sample, moment.connection, population, SAMPLE)
    sample = _recent_sample(kept, tuple(chosen)).read(moment.progress, draw_sample)
    then = "" if sample.is_current(moment.progress) else f" The points are {_as_of(sample.progress)}."
    _cloud(sample.value, known, total, moment.money, then)
    _customers(engine, moment, population, total)


def _as_of(progress: StreamProgress) -> str:
    moment = style.stamp(progress.watermark) if progress.watermark else style.NOTHING
    return f"as of event time {moment}, a few seconds ago"


def _personas_control(known: Personas) -> list[str]:
    chosen = st.pills(
        "Personas",
        [*known],
        selection_mode="multi",
        default=[*known],
        format_func=lambda segment: in_markdown(known[segment].name),
        key=CHOSEN,
        bind="query-params",
    )
    if not chosen:
        st.html(elements.title("All personas", "Choose some above to see only those."))
    return chosen or [*known]


def _ridges(shown: Distributions, known: Personas, money: Money, moment: str = "event time") -> None:
    text = f"One ridge per segment, on a logarithmic scale; a bar marks the median. Recency is as of {moment}."
    st.html(elements.title("Distributions", text))
    for column, (name, title) in zip(st.columns(3, gap="medium"), figures.AXES.items(), strict=True):
        medians = {str(segment): median for segment, median in shown.summary[f"{name}_median"].items()}
        write = money if name == "monetary" else None
        figure = figures.ridges(shown.bins[name], medians, known, name, write)
        column.html(f'<div class="sg-eyebrow">{title}</div>')
        alt = _alt(title, medians, known, write)
        column.plotly_chart(figure, key=f"ridges_{name}", config=plotting.CONFIG, alt=alt)


def _cloud(sample: pd.DataFrame, known: Personas, customers: int, money: Money, then: str = "") -> None:
    sampled = f"A sample of {many(len(sample), 'customer')}, chosen by the hash of their id"
    # Somewhat older points are fewer than the customers now, and yet no sample.
    which = sampled if len(sample) == SAMPLE and customers > SAMPLE else "Every customer"
    st.html(elements.title("Recency, purchases and spend together", f"{which}; logarithmic axes. Drag to turn.{then}"))
    st.plotly_chart(
        figures.cloud(sample, known, money),
        key="cloud",
        config=plotting.CONFIG | {"scrollZoom": False},
        alt="Customers as points over recency, purchases and spend, in the colours of their personas",
    )


def _alt(title: str, medians: dict[str, float], known: Personas, money: Money | None) -> str:
    numbers = (
        f"{visible(known[segment].name)} {figures.value(median, money)}"
        for segment, median in medians.items()
        if segment in known
    )
    return f"{title} by segment, as histograms. Medians: {'; '.join(numbers)}"


def _customers(engine: Engine, moment: Moment, population: SegmentPopulation, total: int) -> None:
    st.html(elements.title("Customers", "Select a number for the customer's page. Times are event time (UTC)."))
    search, sort = _search_controls(moment, ORDERS)
    found = queries.count(moment.connection, population, search) if any(search) else total
    if not found:
        st.html(elements.empty("No customer matches: shorten the number, or choose another country or more personas."))
        return
    pages = min(-(-found // PAGE_SIZE), MOST_PAGES)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(f'<div class="sg-note" data-found="{found}">{many(found, "customer")}</div>')
        ask = partial(_all_rows, population, search, sort, moment.money)
        downloads.button(engine, _file(population, search, sort), ask, "people_csv")
        page.note_if(downloads.limit_note(found))
    number = page.number(PAGE, pages, (population.segments, search, sort))
    st.html(
        markup.customers(
            queries.page(moment.connection, population, search, sort, PAGE_SIZE, number - 1),
            moment.personas,
            moment.money,
            moment.event_time,
        )
    )
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _search_controls(moment: Moment, orders: dict[str, Sort]) -> tuple[CustomerSearch, Sort]:
    typed, where, order = st.columns([1.2, 1, 1])
    prefix = typed.text_input(
        "Customer number begins with", max_chars=64, key=SEARCH, bind="query-params", live=True, placeholder="12"
    )
    known = [ANYWHERE, *sorted(countries.by_frequency(moment)[:MOST_COUNTRIES])]
    country = where.selectbox("Country", known, format_func=visible, key=COUNTRY, bind="query-params")
    sort = order.selectbox("Order", [*orders], key=SORT, bind="query-params")
    return CustomerSearch(cleaned(prefix), "" if country == ANYWHERE else country), ORDERS[sort]


def _file(population: SegmentPopulation, search: CustomerSearch, sort: Sort) -> downloads.File:
    chosen = {"segments": [*population.segments], "country": search.country, "by_id": bool(search.prefix)}
    return downloads.File(CSV_NAME, chosen | {"order": sort.key})


def _all_rows(
    population: SegmentPopulation, search: CustomerSearch, sort: Sort, money: Money, connection: Connection
) -> pd.DataFrame:
    found = queries.page(connection, population, search, sort, downloads.MOST_ROWS)
    return downloads.with_names(found, population.model).assign(currency=money.currency)
