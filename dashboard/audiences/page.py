"""The page "Audiences": customers who pass several filters, counted, listed, saved and downloaded."""

from dataclasses import replace
from functools import partial

import streamlit as st
from sqlalchemy import Engine

from dashboard.audiences import download, filters, found, markup, past_found, saving
from dashboard.audiences.filters import Options
from dashboard.audiences.found import FoundAudience
from dashboard.audiences.past_found import PastEverybody
from dashboard.audiences.saving import NAME, SAVE_AS
from dashboard.shared import acts, controls, elements, page, past_predictions, style, window_notes
from dashboard.shared.caching import Answer
from dashboard.shared.literal import escape, in_markdown
from dashboard.shared.page import Moment
from dashboard.shared.personas import personas
from data.postgres import audience_members, audiences, model_registry
from models.audience import AudienceDefinition, AudienceError
from models.audience_text import to_text
from models.rhythm.carried import rhythm_of
from runtime.money import Money

SUBTITLE = "Customers who pass several filters: counted, listed, saved, and one row each in a file."
REFRESH_SECONDS = 10
PAGE_SIZE = 25
# Pages beyond these are in the download only.
MOST_PAGES = 4_000
ORDERS = {"stake": "Most at stake", "spent": "Spent most", "newest": "Ordered last", "silent": "Silent longest"}
# Keys of the session state; the first one is a URL parameter, too.
ORDER, PAGE = "audience_order", "audience_page"
NEEDS_PREDICTIONS = (
    "This audience asks for risk states or money at stake, and the model has no predictions: activate one that has, or "
    "choose the filters again."
)
NEEDED_PREDICTIONS = (
    "This audience asks for risk states or money at stake, and the model that was active then had no predictions: "
    "choose another day, or the filters again."
)
OF_NOW = (
    "Countries are the present ones. Campaigns, alerts and webhooks always use the present, whatever day is chosen."
)
TOO_EXACT = (
    "The filters of this audience have a number that is too large or too exact for this page: use "
    "<code>segue audience show</code>, or choose another audience."
)


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it refreshes every few seconds and keeps the reader's choices."""
    page.show(engine, money, "Audiences", SUBTITLE, partial(_draw, engine), REFRESH_SECONDS, has_past=True)


def _draw(engine: Engine, moment: Moment) -> None:
    if moment.as_of is None:
        _draw_at(engine, moment, None)
        return
    everybody = past_found.read(moment, moment.as_of)
    then = replace(moment, model=everybody.model, personas=personas(everybody.model), event_time=moment.as_of)
    st.html(elements.note(f"{past_predictions.sentence(everybody.model, moment.as_of)} {OF_NOW}"))
    _draw_at(engine, then, everybody)


def _draw_at(engine: Engine, moment: Moment, everybody: PastEverybody | None) -> None:
    acts.report()
    saved = _saved(moment)
    opened = _open(saved)
    has_rhythm = rhythm_of(moment.model) is not None
    if not has_rhythm and opened is not None and saved[opened].needs_rhythm:
        text = NEEDS_PREDICTIONS if everybody is None else NEEDED_PREDICTIONS
        st.html(f'<div class="sg-banner" role="status">{text}</div>')
        return
    if opened is not None and not filters.can_show(saved[opened]):
        st.html(f'<div class="sg-banner" role="status">{TOO_EXACT}</div>')
        return
    all_personas = model_registry.read_personas(moment.connection)
    countries = audience_members.countries(moment.connection)
    try:
        definition = filters.draw(Options(moment.personas, all_personas, countries, has_rhythm), moment.money)
    except AudienceError as error:
        st.html(f'<div class="sg-banner" role="alert">{escape(str(error))}</div>')
        return
    page.note_if(window_notes.lifetime(moment.model, "Orders and net spend are those"))
    if everybody is None:
        answer = found.read(engine, moment, definition)
    else:
        answer = Answer(everybody.find(moment.connection, definition), moment.progress)
    st.html(markup.headline(answer.value.totals, moment.money) + markup.definition(to_text(definition)))
    if not answer.is_current(moment.progress):
        st.html(elements.note(f"Numbers are as of event time {style.stamp(answer.value.now.event_time)}."))
    download.draw(engine, moment, definition, answer.value, opened)
    saving.draw(definition, saved, opened)
    _customers(answer.value, definition, moment, has_rhythm)
    with st.expander("What do the filters mean?"):
        st.html(markup.rule())


def _saved(moment: Moment) -> dict[str, AudienceDefinition]:
    readable, unreadable = audiences.listed(moment.connection)
    for reason in unreadable:
        st.html(f'<div class="sg-banner" role="status">{escape(reason)}</div>')
    return {each.name: each.definition for each in readable}


def _open(saved: dict[str, AudienceDefinition]) -> str | None:
    """The saved audience that is chosen; choosing it sets its filters, and so the address."""
    if not saved:
        return None
    chosen: str | None = st.selectbox(
        "Saved audience",
        [*saved],
        index=None,
        format_func=in_markdown,
        placeholder="None is open: choose filters below",
        key=NAME,
        persist_state="session",
        on_change=_chosen,
        args=(saved,),
        width=400,
    )
    return chosen if chosen in saved else None


def _chosen(saved: dict[str, AudienceDefinition]) -> None:
    name = st.session_state[NAME]
    _fill(name or "", saved.get(name, AudienceDefinition()))


def _fill(name: str, definition: AudienceDefinition) -> None:
    filters.fill(definition)
    st.session_state[SAVE_AS] = name
    st.session_state[PAGE] = 1


def _customers(audience: FoundAudience, definition: AudienceDefinition, moment: Moment, has_rhythm: bool) -> None:
    orders = ORDERS if has_rhythm else {name: text for name, text in ORDERS.items() if name != "stake"}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(elements.title("Customers", "One row each; select one for the customer’s page"))
        order = controls.choice("Order", orders, ORDER)
    if not audience.ids:
        st.html(elements.empty("No customer passes all filters: remove one."))
        return
    pages = min(-(-len(audience.ids) // PAGE_SIZE), MOST_PAGES)
    number = page.number(PAGE, pages, (definition, order, moment.as_of))
    begin = (number - 1) * PAGE_SIZE
    ids = audience.page(order, begin, PAGE_SIZE)
    if audience.members is None:
        rows = audience_members.of_ids(moment.connection, ids, found.now_of(moment))
    else:
        rows = replace(audience.members, rows=audience.members.rows[audience.places(order, begin, PAGE_SIZE)])
    st.html(markup.table(rows, ids, moment.personas, moment.money, moment.as_of))
    if pages > 1:
        st.pagination(pages, key=PAGE)
