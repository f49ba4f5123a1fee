"""The segment explorer: how the segments differ, who is in them, and what to do about each."""

from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.pages.segments import figures as charts
from dashboard.pages.segments import markup, queries
from dashboard.pages.segments.queries import Among, Search, Sort
from dashboard.shared import downloads, elements, page, plotting, style
from dashboard.shared.as_of import event_time
from dashboard.shared.distributions import PER_DECADE, binned, summary
from dashboard.shared.identifiers import cleaned
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas
from dashboard.shared.reading import StreamProgress
from dashboard.shared.recent import Recent
from dashboard.shared.words import many

NOTE = "How the personas differ in recency, frequency and money, and the customers behind them."
SAMPLE, PAGE_SIZE, MOST_PAGES = 1_500, 25, 4_000
# Keys of the reader's session, which are names in the address too.
CHOSEN, SEARCH, COUNTRY, SORT, PAGE = (f"segments_{name}" for name in ("personas", "search", "country", "sort", "page"))
ANYWHERE = "All countries"
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


@dataclass(frozen=True)
class Shape:
    """How segments spread: a row of numbers per segment, and counts in bins per measure."""

    summary: pd.DataFrame
    bins: dict[str, pd.DataFrame]

    @property
    def customers(self) -> int:
        """All of them together."""
        return int(self.summary["customers"].sum())

    def of(self, segments: list[str]) -> "Shape":
        """Only some segments."""
        bins = {name: counts[counts["segment"].isin(segments)] for name, counts in self.bins.items()}
        return Shape(self.summary[self.summary.index.isin(segments)], bins)


def show(engine: Engine) -> None:
    """The page."""
    page.show(engine, "Segments", NOTE, partial(_draw, engine))


def read(connection: Connection, among: Among) -> Shape:
    """How all segments that are asked about spread."""
    whole = {name: queries.counts(connection, among, name) for name in ("recency", "frequency")}
    numbers = queries.money(connection, among).set_index("segment").add_prefix("monetary_")
    numbers = numbers.rename(columns={"monetary_customers": "customers", "monetary_total": "total"})
    for name, counts in whole.items():
        numbers = numbers.join(summary(counts)[["mean", "median"]].add_prefix(f"{name}_"))
    bins = {name: binned(counts) for name, counts in whole.items()}
    bins["monetary"] = queries.money_bins(connection, among, PER_DECADE)
    return Shape(numbers, bins)


@st.cache_resource(max_entries=4, show_spinner=False)
def _recent(whose: str) -> Recent[Shape]:
    """What was read last, of a database and a model: a reader who turns pages or sorts asks for it again and again."""
    return Recent()


def _draw(engine: Engine, moment: Moment) -> None:
    chosen, now = _personas_control(moment.personas), event_time(moment)
    everybody = Among(moment.model, now, [*moment.personas])
    recent = _recent(engine.url.render_as_string() + moment.model.version)
    answer = recent.read(moment.progress, partial(read, moment.connection, everybody))
    shape, among = answer.value.of(chosen), Among(moment.model, now, chosen)
    if not shape.customers:
        st.html(elements.nobody("Nobody is in these segments at this moment. Choose others above."))
        return
    known = {segment: persona for segment, persona in moment.personas.items() if segment in chosen}
    fresh = answer.stands(moment.progress)
    page.say_if("" if fresh else _as_of(answer.progress))
    st.html(markup.cards(shape.summary, known, answer.value.customers))
    _hills(shape, known)
    everyone = shape.customers if fresh else queries.count(moment.connection, among, Search())
    _cloud(queries.sample(moment.connection, among, SAMPLE), known, everyone)
    _people(engine, moment, among, everyone)


def _as_of(progress: StreamProgress) -> str:
    assert progress.event_time is not None  # noqa: S101 - page.show says so
    return f"Cards and hills are as of event time {style.stamp(progress.event_time)}, a few seconds ago."


def _personas_control(known: Personas) -> list[str]:
    chosen = st.pills(
        "Personas",
        [*known],
        selection_mode="multi",
        default=[*known],
        format_func=lambda segment: known[segment].name,
        key=CHOSEN,
        bind="query-params",
    )
    if not chosen:
        st.html(elements.title("All personas", "Choose some above to see them alone."))
    return chosen or [*known]


def _hills(shape: Shape, known: Personas) -> None:
    note = "Each hill is one segment on a logarithmic scale, its foot marks the median. Recency is as of event time."
    st.html(elements.title("How they spread", note))
    for column, (name, title) in zip(st.columns(3, gap="medium"), charts.AXES.items(), strict=True):
        medians = {str(segment): median for segment, median in shape.summary[f"{name}_median"].items()}
        figure = charts.ridges(shape.bins[name], medians, known, name, "£" if name == "monetary" else "")
        column.html(f'<div class="sg-eyebrow">{title}</div>')
        column.plotly_chart(figure, key=f"ridges_{name}", config=plotting.CONFIG, alt=_alt(title, medians, known))


def _cloud(sample: pd.DataFrame, known: Personas, customers: int) -> None:
    sampled = f"A sample of {many(len(sample), 'customer')}, chosen by hashed id"
    of = sampled if len(sample) < customers else "Every customer"
    st.html(elements.title("In the space of R, F and M", f"{of}; logarithmic axes. Drag to turn."))
    st.plotly_chart(
        charts.cloud(sample, known),
        key="cloud",
        config=plotting.CONFIG | {"scrollZoom": False},
        alt="Customers as points over recency, purchases and money spent, in the colours of their personas",
    )


def _alt(title: str, medians: dict[str, float], known: Personas) -> str:
    said = "; ".join(f"{known[segment].name} {median:,.0f}" for segment, median in medians.items() if segment in known)
    return f"{title} by segment, as histograms. Medians: {said}"


def _people(engine: Engine, moment: Moment, among: Among, everyone: int) -> None:
    st.html(elements.title("Who they are", "A customer's number leads to their life; times are event time (UTC)."))
    search, sort = _search_controls(moment.connection)
    found = queries.count(moment.connection, among, search) if any(search) else everyone
    if not found:
        st.html(elements.nobody("Nobody fits: shorten the number, or choose another country or more personas."))
        return
    pages = min(-(-found // PAGE_SIZE), MOST_PAGES)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(f'<div class="sg-note" data-found="{found}">{many(found, "customer")}</div>')
        ask = partial(_everybody, among, search, sort)
        st.download_button(
            "Download CSV",
            downloads.later(engine, ask),
            "segue-customers.csv",
            "text/csv",
            on_click="ignore",
            key="people_csv",
        )
        page.say_if(downloads.left_out(found))
    number = min(st.session_state.get(PAGE, 1), pages)
    st.html(markup.people(queries.page(moment.connection, among, search, sort, PAGE_SIZE, number - 1), moment.personas))
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _search_controls(connection: Connection) -> tuple[Search, Sort]:
    typed, where, order = st.columns([1.2, 1, 1])
    prefix = typed.text_input(
        "Customer number begins with", max_chars=64, key=SEARCH, bind="query-params", live=True, placeholder="12"
    )
    countries = [ANYWHERE, *queries.countries(connection)]
    country = where.selectbox("Country", countries, key=COUNTRY, bind="query-params")
    sort = order.selectbox("Order", [*ORDERS], key=SORT, bind="query-params")
    return Search(cleaned(prefix), "" if country == ANYWHERE else country), ORDERS[sort]


def _everybody(among: Among, search: Search, sort: Sort, connection: Connection) -> pd.DataFrame:
    return queries.page(connection, among, search, sort, downloads.MOST_ROWS)
