"""The page "Campaigns", in Streamlit's test harness against a real Postgres."""

import io
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, delete, update

from data.postgres import campaigns
from data.postgres.campaigns import Campaign
from data.postgres.tables import campaign_members
from data.postgres.tables import campaigns as table
from tests.support.campaigns import add_order, store_campaign
from tests.support.pages import HOSTILE, a_page, html, words, written_files


@pytest.fixture
def spring(filled: Engine) -> Campaign:
    """A campaign of which every treated customer has bought on day 2, and nobody else."""
    stored = store_campaign(filled, "spring", days_ago=20)
    with filled.connect() as connection:
        members = campaigns.members(connection, "spring")
    for member in members:
        if not member.held_out:
            add_order(filled, member.customer_id, "1", stored.started_at + timedelta(days=1, hours=2), "10")
    return stored


def test_without_a_campaign_the_page_says_how_to_start_one(database_url: str, filled: Engine) -> None:
    assert "segue campaign start NAME" in words(a_page("campaigns", database_url).run())


def test_the_list_has_every_campaign_with_a_link(database_url: str, filled: Engine, spring: Campaign) -> None:
    store_campaign(filled, "autumn", days_ago=40)
    page = a_page("campaigns", database_url).run()
    assert 'href="campaigns?campaign=spring"' in html(page)
    shown = words(page)
    assert "day 20 of 30" in shown
    assert "over" in shown


def test_a_campaign_of_the_address_is_shown_with_its_sentence_and_numbers(database_url: str, spring: Campaign) -> None:
    page = a_page("campaigns", database_url, campaign="spring").run()
    assert 'data-verdict="helped"' in html(page)
    shown = words(page)
    assert f"Of {spring.treated} treated customers 100% have bought, of {spring.held_out} held out 0%" in shown
    assert "The campaign has helped: that is clear since day " in shown
    assert f"£{10 * spring.treated:,.2f}" in shown


def test_every_measure_can_be_chosen(database_url: str, spring: Campaign) -> None:
    page = a_page("campaigns", database_url, campaign="spring").run()
    for measure in ("orders", "money", "share"):
        page.button_group(key="campaign_measure").set_value(measure).run()
        assert not page.exception


def test_forgotten_customers_and_a_missing_topic_are_said(database_url: str, filled: Engine, spring: Campaign) -> None:
    with filled.begin() as connection:
        connection.execute(update(table).values(published=False))
        name = campaigns.members(connection, "spring")[0].customer_id
        # What the trigger of the migration does, which these tables do not have.
        connection.execute(delete(campaign_members).where(campaign_members.c.customer_id == name))
    shown = words(a_page("campaigns", database_url, campaign="spring").run())
    assert "1 customer was forgotten" in shown
    assert "segue campaign publish" in shown


def test_the_file_has_every_customer_with_the_group(
    database_url: str, spring: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written_files(monkeypatch)
    a_page("campaigns", database_url, campaign="spring").run()
    rows = pd.read_csv(io.BytesIO(files[-1].content), dtype=str)
    assert rows["group"].value_counts().to_dict() == {"treated": spring.treated, "held_out": spring.held_out}
    assert set(rows["currency"]) == {"GBP"}


@pytest.mark.parametrize("text", HOSTILE)
def test_an_unknown_name_in_the_address_shows_the_list(database_url: str, spring: Campaign, text: str) -> None:
    assert "day 20 of 30" in words(a_page("campaigns", database_url, campaign=text).run())
