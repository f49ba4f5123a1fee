"""The page "Campaigns": did it help? Treated and held-out customers over event time, and what may be said."""

from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.campaigns import figures, markup
from dashboard.campaigns.figures import MEASURES, Measure
from dashboard.shared import controls, downloads, elements, page, plotting
from dashboard.shared.caching import KeyedAnswer
from dashboard.shared.literal import in_markdown
from dashboard.shared.page import Moment
from dashboard.shared.reading import patient
from data.postgres import campaign_outcomes, campaigns
from data.postgres.campaigns import Campaign
from models.campaigns.compare import CampaignComparison, compare, seed_of
from models.campaigns.outlook import effect_sentences, plan_of, smallest_sentence
from runtime.money import Money

SUBTITLE = "Did it help? Treated customers against those who were held out by chance."
REFRESH_SECONDS = 10
#: The orders of half a million customers take a while.
TIMEOUT_MS = 120_000
# Keys of the session state, and URL parameters.
CAMPAIGN, MEASURE = "campaign", "campaign_measure"


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it refreshes every few seconds and keeps the reader's choices."""
    page.show(engine, money, "Campaigns", SUBTITLE, partial(_draw, engine), REFRESH_SECONDS)


def _draw(engine: Engine, moment: Moment) -> None:
    found = {each.name: each for each in campaigns.listed(moment.connection)}
    if not found:
        st.html(markup.HOW_TO_START)
        return
    chosen = st.selectbox(
        "Campaign",
        [*found],
        index=None,
        placeholder="All campaigns",
        format_func=in_markdown,
        key=CAMPAIGN,
        bind="query-params",
        width=320,
    )
    if chosen is None:
        st.html(elements.title("All campaigns", "The newest first. Select a name to see whether it helped."))
        st.html(markup.rows([*found.values()], moment.event_time, moment.as_of))
        return
    _campaign(engine, found[chosen], moment)


def _campaign(engine: Engine, campaign: Campaign, moment: Moment) -> None:
    now = moment.progress
    # Within a day, only these change what happened on whole days.
    key = (campaign, campaign.days_until(moment.event_time), now.late, now.revisions, now.forgotten)
    last = _last(engine.url.render_as_string(), campaign.name)
    comparison = last.read(key, partial(_compared, campaign, moment))
    st.html(markup.headline(campaign, comparison, moment.event_time) + markup.notes(campaign, comparison))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(elements.title("Numbers", "Since the start, up to the last whole day"))
        ask = partial(_all_rows, campaign, moment)
        downloads.button(engine, downloads.File(f"campaign-{campaign.name}.csv", {}), ask, "campaign_csv")
        page.note_if(downloads.limit_note(campaign.treated + campaign.held_out))
    if comparison.days:
        st.html(markup.numbers(comparison, moment.money))
        _figures(comparison, moment.money)
    _outlook(campaign, comparison)
    with st.expander("What do these numbers mean?"):
        st.html(markup.RULES)


def _compared(campaign: Campaign, moment: Moment) -> CampaignComparison:
    """The comparison of a campaign's groups on every whole day so far."""
    with patient(moment.connection, TIMEOUT_MS):
        outcomes = campaign_outcomes.outcomes(moment.connection, campaign, moment.event_time)
    return compare(outcomes, campaign.horizon_days, seed_of(campaign.name))


@st.cache_resource(max_entries=64, show_spinner=False)
def _last(database: str, campaign: str) -> KeyedAnswer[CampaignComparison]:
    """The last comparison, which every click on the page needs again."""
    return KeyedAnswer()


def _figures(comparison: CampaignComparison, money: Money) -> None:
    measure: Measure = controls.choice("Measure", MEASURES, MEASURE)  # type: ignore[assignment, arg-type]
    left, right = st.columns(2, gap="large")
    with left:
        st.html(elements.title("Both groups", "Per customer, at the end of every day since the start"))
        drawn = figures.groups(comparison, measure, money)
        alt = f"{MEASURES[measure]} per customer, treated and held out, day by day"
        st.plotly_chart(drawn, key="campaign_groups", config=plotting.CONFIG, alt=alt)
    with right:
        if measure == "orders":
            st.html(elements.title("Difference", "Choose buyers or net spend: orders have no interval"))
            return
        unit = "in points" if measure == "share" else "per customer"
        st.html(
            elements.title("Difference", f"Treated less held out, {unit}; the true one lies in the band on all days")
        )
        drawn = figures.difference(comparison, measure, money)
        alt = f"{MEASURES[measure]} per customer, treated less held out, with its interval, day by day"
        st.plotly_chart(drawn, key="campaign_difference", config=plotting.CONFIG, alt=alt)


def _outlook(campaign: Campaign, comparison: CampaignComparison) -> None:
    plan = plan_of(comparison, campaign.base_share)
    if comparison.days >= comparison.horizon or plan is None:
        return
    text = "In the share of buyers at the end, with a chance of 80%, if customers go on buying at this rate"
    st.html(elements.title("How long until an effect can be seen", text))
    st.html(markup.outlook(smallest_sentence(plan), effect_sentences(plan)))


def _all_rows(campaign: Campaign, moment: Moment, connection: Connection) -> pd.DataFrame:
    found = campaign_outcomes.customer_rows(connection, campaign, moment.event_time, downloads.MOST_ROWS)
    return found.assign(currency=moment.money.currency)
