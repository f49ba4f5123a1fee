"""The segments page as of a past day: distributions and customers, from all customers at that moment."""

from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.segments import markup, past_table
from dashboard.segments.distributions import Distributions
from dashboard.segments.queries import CustomerSearch, Sort
from dashboard.shared import downloads, elements, page
from dashboard.shared.past import Past
from models.units import Ints
from runtime.counts import many
from runtime.money import Money

MOST_PAGES = 4_000


def customers(
    engine: Engine, past: Past, chosen: list[str], search: CustomerSearch, sort: Sort, size: int, key: str, money: Money
) -> None:
    """The customers that a search finds, a page of ``size`` at a time, and the file of all of them.

    ``key`` is that of the page number in the session state.
    """
    found = past_table.found(past, chosen, search, sort)
    if not len(found):
        st.html(elements.empty("No customer matches: shorten the number, or choose another country or more personas."))
        return
    pages = min(-(-len(found) // size), MOST_PAGES)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(f'<div class="sg-note" data-found="{len(found)}">{many(len(found), "customer")}</div>')
        chosen_rows = {"segments": chosen, "country": search.country, "by_id": bool(search.prefix), "order": sort.key}
        file = downloads.File(f"segue-customers-{past.at:%Y-%m-%d}.csv", chosen_rows)
        downloads.button(engine, file, partial(_file, found, past, money), "people_csv")
        page.note_if(downloads.limit_note(len(found)))
    number = page.number(key, pages, (past.at, chosen, search, sort))
    shown = past.rows.iloc[found[(number - 1) * size : number * size]]
    st.html(markup.past_customers(shown, past.known, money, past.at))
    if pages > 1:
        st.pagination(pages, key=key)


def distributions(past: Past) -> Distributions:
    """The distributions of R, F and M in all segments at the moment."""
    if Distributions not in past.derived:
        past.derived[Distributions] = past_table.distributions(past.rows)
    found: Distributions = past.derived[Distributions]
    return found


def _file(found: Ints, past: Past, money: Money, _connection: Connection) -> pd.DataFrame:
    rows = past.rows.iloc[found[: downloads.MOST_ROWS]].drop(columns="draw")
    return rows.assign(as_of=pd.Timestamp(past.at), currency=money.currency)
