"""The page "Audiences", in Streamlit's test harness against a real Postgres."""

import csv
import io
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec import json
from sqlalchemy import Engine, text, update
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.shared.access import Viewer
from data.postgres import audiences, audit
from data.postgres.audience_members import at_one_moment, moment, totals
from data.postgres.audit import Actor
from data.postgres.tables import models
from models.audience import AudienceDefinition, Range
from models.audience_text import parse
from models.segment_model import to_json
from tests.support.generated_tables import Stored, a_model
from tests.support.pages import HOSTILE, Written, a_page, html, log_in, words, written_files

pytestmark = pytest.mark.usefixtures("predicting")

VIPS = AudienceDefinition(
    segments=("champions",), countries=("France", "Germany"), net_spend=Range(Decimal(100), None), moved_from=("lost",)
)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page, opened."""
    return a_page("audiences", database_url).run()


@pytest.fixture
def as_operator(page: AppTest, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """The dashboard as it is started with ``-- --operator``, in the browser of an operator who has logged in."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--operator"])
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    log_in(page, Viewer(Actor("olga", "operator"), "operator", False, NEVER))
    page.run()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Written]:
    """The files that the page offers, each made when its button is drawn."""
    return written_files(monkeypatch)


def test_without_filters_everybody_with_a_segment_is_listed_by_money_at_stake(page: AppTest, stream: Stored) -> None:
    people = stream.customers[stream.customers["segment"].notna()]
    number, spend, _ = headline(page)
    assert (number, spend) == (len(people), round((people["gross"] - people["returned"]).sum()))
    pages = []
    for at in range(1, 6):
        page.session_state["audience_page"] = at
        pages += listed(page.run())
    assert sorted(pages[:number]) == sorted(people["customer_id"])


def test_filters_are_joined_and_are_those_of_the_command_line(database_url: str, filled: Engine) -> None:
    shown = a_page(
        "audiences",
        database_url,
        audience_segment="Champions",
        audience_risk="Overdue",
        audience_net_spend_least="100",
        audience_frequency_most="9",
        audience_moved_to="Champions",
        audience_since="400d",
    ).run()
    text_ = definition(shown)
    assert text_ == (
        "segment = champions and risk = overdue and frequency <= 9 and net_spend >= 100 and moved_to = champions "
        "and since = 400d"
    )
    assert headline(shown) == sums(filled, text_)
    assert headline(shown)[0] > 0


def test_an_opened_audience_sets_its_filters_and_can_be_changed(page: AppTest, filled: Engine) -> None:
    audiences.replace(filled, "VIPs", VIPS)
    page.run()
    page.selectbox(key="audience_name").set_value("VIPs").run()
    assert definition(page) == (
        "segment = champions and country = France, Germany and net_spend >= 100 and moved_from = lost"
    )
    assert headline(page) == sums(filled, definition(page))
    page.multiselect(key="audience_country").set_value(["France"]).run()
    assert "country = France and" in definition(page)


def test_segments_of_an_earlier_model_and_countries_that_are_gone_stay_in_an_opened_audience(
    page: AppTest, filled: Engine
) -> None:
    audiences.replace(filled, "Old", AudienceDefinition(segments=("hibernating",), countries=("Atlantis",)))
    page.run()
    page.selectbox(key="audience_name").set_value("Old").run()
    assert definition(page) == "segment = hibernating and country = Atlantis"
    assert "No customer passes all filters: remove one." in words(page)


@pytest.mark.usefixtures("as_operator")
def test_an_operator_saves_and_deletes_and_both_are_recorded(page: AppTest, filled: Engine) -> None:
    page.button_group(key="audience_segment").set_value(["champions"]).run()
    page.text_input(key="audience_save_as").set_value("VIPs").run()
    page.button(key="audience_do_save").click().run()
    with filled.connect() as connection:
        assert audiences.find(connection, "VIPs").definition == AudienceDefinition(segments=("champions",))
    assert page.selectbox(key="audience_name").value == "VIPs"
    assert page.button(key="audience_do_save").disabled
    page.button(key="audience_do_delete").click().run()
    with filled.connect() as connection:
        assert audiences.names(connection) == []
    acts = [(act.act, act.object, act.subject) for act in audit.acts(filled, 10) if act.act != "download"]
    assert acts == [("audience delete", "VIPs", "olga"), ("audience save", "VIPs", "olga")]


@pytest.mark.usefixtures("as_operator")
def test_a_name_that_is_none_fails_with_a_message(page: AppTest) -> None:
    page.text_input(key="audience_save_as").set_value("a/b").run()
    page.button(key="audience_do_save").click().run()
    assert "Failed: a name has 1 to 64" in page.toast[0].value


def test_nobody_else_can_save(page: AppTest) -> None:
    assert not [button for button in page.button if "audience_do" in str(button.key)]
    assert "segue audience save" in words(page)


def test_the_file_has_one_row_a_customer_and_is_recorded(
    database_url: str, filled: Engine, kept: list[Written], stream: Stored
) -> None:
    html(a_page("audiences", database_url, audience_segment="Champions").run())
    rows = [*csv.DictReader(io.StringIO(kept[0].content.decode("utf-8-sig")))]
    people = stream.customers[stream.customers["segment"] == "champions"]
    assert [row["customer_id"] for row in rows] == sorted(people["customer_id"])
    assert {row["persona"] for row in rows} == {"Champions"}
    [act] = audit.acts(filled, 10)
    assert act.object == f"audience-{len(people)}-customers-2011-06-15.csv"
    assert act.detail == {
        "definition": "segment = champions",
        "use": "spreadsheets",
        "joined": False,
        "rows": len(people),
        "masked": False,
    }


def test_an_uploaded_file_is_joined_and_counted_and_not_stored(
    page: AppTest, filled: Engine, kept: list[Written]
) -> None:
    page.file_uploader(key="audience_file").set_value(
        ("crm.csv", b"id;e-mail\n10001;secret@x.org\n99;b@x.org\n", "text/csv")
    )
    page.run()
    assert "1 customer of the audience in the file" in words(page)
    assert "1 of its rows matches no customer in the audience and is left out" in words(page)
    rows = {row["customer_id"]: row for row in csv.DictReader(io.StringIO(kept[-1].content.decode("utf-8-sig")))}
    assert rows["10001"]["e-mail"] == "secret@x.org"
    assert rows["10002"]["e-mail"] == ""
    with filled.connect() as connection:
        stored = connection.execute(text("SELECT string_agg(a::text, '') FROM audit a")).scalar_one()
    assert "secret" not in stored


def test_a_file_that_cannot_be_right_is_refused_on_the_page(page: AppTest) -> None:
    page.file_uploader(key="audience_file").set_value(("crm.csv", b"id,n\n1.7E+10,a\n", "text/csv"))
    assert "a spreadsheet has shortened" in words(page.run())


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"audience_since": "soon", "audience_moved_to": "Lost"}, "`since` is a day such as 2011-06-01"),
        ({"audience_since": "30d"}, "add moved_from or moved_to"),
        ({"audience_frequency_least": "9", "audience_frequency_most": "2"}, "no number is in the range of `frequency`"),
    ],
)
def test_filters_that_do_not_fit_each_other_are_explained(database_url: str, query: dict[str, str], said: str) -> None:
    assert said in words(a_page("audiences", database_url, **query).run())


@pytest.mark.parametrize("name", ["segment", "risk", "country", "net_spend_least", "moved_from", "order"])
@pytest.mark.parametrize("value", [*HOSTILE, "-5e400"])
def test_an_invalid_url_is_harmless(database_url: str, stream: Stored, name: str, value: str) -> None:
    shown = a_page("audiences", database_url, **{f"audience_{name}": value}).run()
    assert headline(shown)[0] == stream.customers["segment"].notna().sum()


def test_without_predictions_there_is_no_stake_and_an_audience_that_needs_them_says_so(
    page: AppTest, filled: Engine
) -> None:
    audiences.replace(filled, "Overdue", AudienceDefinition(risk_states=("overdue",)))
    with filled.begin() as connection:
        connection.execute(update(models).values(spec=json.decode(to_json(a_model()))))
    page.run()
    assert "data-stake" not in html(page)
    page.selectbox(key="audience_name").set_value("Overdue").run()
    assert "the model has no predictions" in words(page)


def test_a_hostile_country_is_shown_and_not_run(database_url: str, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("UPDATE customers SET country = '<img src=x onerror=alert(1)>'"))
    shown = a_page("audiences", database_url).run()
    assert "<img src=x" not in html(shown)
    assert "<img src=x onerror=alert(1)>" in words(shown)


def sums(postgres: Engine, text_: str) -> tuple[int, int, int]:
    with at_one_moment(postgres) as connection:
        found = totals(connection, parse(text_), moment(connection))
    return found.customers, round(found.net_spend), round(found.at_stake or 0)


def headline(page: AppTest) -> tuple[int, int, int]:
    found = re.search(r'data-customers="(\d+)".*?data-spend="(-?\d+)".*?data-stake="(\d+)"', html(page))
    assert found
    return int(found[1]), int(found[2]), int(found[3])


def definition(page: AppTest) -> str:
    found = re.search(r"Definition: (.*)", words(page))
    assert found
    return found[1]


def listed(page: AppTest) -> list[str]:
    return re.findall(r'href="customer\?customer=(\d+)"', html(page))
