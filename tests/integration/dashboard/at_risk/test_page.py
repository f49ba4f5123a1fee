"""The page "At risk", in Streamlit's test harness against a real Postgres."""

import io
import re
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from msgspec import json
from sqlalchemy import Engine, text, update
from streamlit.testing.v1 import AppTest

from data.postgres.tables import stream_progress
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import risk_moments
from models.rhythm.risk import RISK_STATES, risk_state
from models.rhythm.stake import at_stake
from models.units import to_micros
from tests.support.generated_tables import EVENT_TIME, Stored
from tests.support.pages import a_page, html, words, written_files
from tests.support.rhythm import a_predicting_model, a_rhythm

pytestmark = pytest.mark.usefixtures("predicting")


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page, opened."""
    return a_page("at_risk", database_url).run()


@pytest.fixture
def known(stream: Stored) -> pd.DataFrame:
    """Every customer who has ordered, by money at stake, computed from the stored rows."""
    people = stream.customers[stream.customers["frequency"] > 0]
    first, last = (
        people[name].map(lambda at: to_micros(at.to_pydatetime())).to_numpy(dtype=np.int64)
        for name in ("first_purchase_at", "last_purchase_at")
    )
    # These rows are random: some have a last order before the first one.
    last = np.maximum(first, last)
    histories = Histories(first, last, people["frequency"].to_numpy(dtype=np.int64))
    net, now = (people["gross"] - people["returned"]).to_numpy(), to_micros(EVENT_TIME)
    stake = at_stake(a_rhythm(), histories, net, now)
    states = [RISK_STATES[number] for number in risk_state(risk_moments(a_rhythm(), histories), now)]
    table = people.assign(net=net, stake=stake.money, p=stake.p_order, state=states)
    return table.sort_values(["stake", "customer_id"], ascending=[False, True])


def test_every_customer_is_listed_once_by_money_at_stake(page: AppTest, known: pd.DataFrame) -> None:
    assert headline(page) == (len(known), round(known["stake"].sum()))
    pages = []
    for number in range(1, 6):
        page.session_state["risk_page"] = number
        pages.append(listed(page.run()))
    assert [each for shown in pages for each in shown][: len(known)] == known["customer_id"].tolist()


def test_filters_are_joined(database_url: str, known: pd.DataFrame) -> None:
    sent = {"risk_state": "Due", "risk_segment": "Champions", "risk_country": "United Kingdom", "risk_stake": "100"}
    meant = known[(known["state"] == "due") & (known["segment"] == "champions") & (known["stake"] >= 100)]
    meant = meant[meant["country"] == "United Kingdom"]
    shown = a_page("at_risk", database_url, **sent).run()
    assert 0 < len(meant) < 25
    assert listed(shown) == meant["customer_id"].tolist()
    assert headline(shown) == (len(meant), round(meant["stake"].sum()))


def test_the_file_has_one_row_for_each_customer_of_the_filtered_list(
    database_url: str, known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written_files(monkeypatch)
    html(a_page("at_risk", database_url, risk_state="Overdue").run())
    rows = pd.read_csv(io.BytesIO(found[0].content), dtype={"customer_id": str})
    meant = known[known["state"] == "overdue"]
    assert rows["customer_id"].tolist() == meant["customer_id"].tolist()
    assert rows["money_at_stake"].to_numpy() == pytest.approx(meant["stake"].to_numpy(), abs=0.006)
    assert {*rows["currency"]} == {"GBP"}
    assert {*rows["persona"]} <= {segment.name for segment in a_predicting_model().segments}


def test_the_page_follows_the_stream(page: AppTest, filled: Engine, known: pd.DataFrame) -> None:
    before = states(page)
    with filled.begin() as connection:
        later = EVENT_TIME + timedelta(days=200)
        connection.execute(update(stream_progress).values(event_time=later))
        # Long after the first reading.
        connection.execute(text("UPDATE stream_progress SET transactions = transactions - 1"))
    after = states(page.run())
    assert sum(after.values()) == sum(before.values()) == len(known)
    assert after["presumed_lost"] > before["presumed_lost"]


@pytest.mark.parametrize(
    "query",
    [
        {"risk_state": "'; DROP TABLE customers; --"},
        {"risk_segment": "<script>"},
        {"risk_stake": "-5"},
        {"risk_stake": "1e400"},
        {"risk_country": "%"},
        {"risk_order": "customer_id; --"},
        {"risk_view": "nonsense"},
    ],
)
def test_an_invalid_url_is_harmless(database_url: str, known: pd.DataFrame, query: dict[str, str]) -> None:
    assert headline(a_page("at_risk", database_url, **query).run())[0] == len(known)


def test_without_a_match_the_page_says_what_to_try(page: AppTest) -> None:
    page.number_input(key="risk_stake").set_value(90_000_000).run()
    assert headline(page) == (0, 0)
    assert "No customer matches: remove a filter." in words(page)


def test_predicted_and_actual_are_on_the_page(page: AppTest) -> None:
    assert "201 of 500 customers order. Actual: 190." in words(page)


def test_moves_by_time_alone_are_one_choice_away_and_are_what_an_old_link_opens(database_url: str) -> None:
    chosen = a_page("at_risk", database_url, risk_view="Moves by time alone").run()
    old = a_page("at_risk", database_url, slip_days="1 week").run()
    assert "data-slips" in html(chosen)
    assert "data-slips" in html(old)
    assert "data-stake" not in html(old)


def test_without_predictions_the_page_says_how_to_get_them_and_shows_moves_by_time_alone(
    database_url: str, filled: Engine
) -> None:
    for metadata, reason in (({}, "fitted without them"), ({"rhythm": {"version": "x"}}, "cannot use those")):
        with filled.begin() as connection:
            connection.execute(
                text("UPDATE models SET spec = jsonb_set(spec, '{metadata}', CAST(:it AS jsonb))"),
                {"it": json.encode(metadata).decode()},
            )
        shown = a_page("at_risk", database_url).run()
        assert reason in words(shown)
        assert "segue fit makes a model with predictions" in words(shown)
        assert "data-slips" in html(shown)


def headline(page: AppTest) -> tuple[int, int]:
    found = re.search(r'data-stake="(\d+)".*?data-customers="(\d+)"', html(page))
    assert found
    return int(found[2]), int(found[1])


def states(page: AppTest) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r'data-state="(\w+)"><b>(\d+)</b>', html(page))}


def listed(page: AppTest) -> list[str]:
    return re.findall(r'href="customer\?customer=(\d+)"', html(page))
