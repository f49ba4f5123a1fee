"""The live page in each of its states, in Streamlit's test harness against a real Postgres."""

import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, make_url, text, update
from streamlit.testing.v1 import AppTest

from data.postgres import replay_control
from data.postgres.database import engine as connect
from data.postgres.model_registry import register
from data.postgres.replay_control import Heartbeat
from data.postgres.tables import metadata, models, stream_progress
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, Stored
from tests.support.pages import a_page, html, words


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page on the test's database, not yet opened."""
    return a_page("live", database_url)


def test_without_postgres_the_page_says_where_it_looked_and_keeps_the_password() -> None:
    page = a_page("live", "postgresql://segue:hush@127.0.0.1:1/shop").run()
    assert "Postgres is not available" in words(page)
    assert "“shop” at 127.0.0.1:1" in words(page)
    assert "hush" not in words(page)


def test_without_tables_the_page_says_how_to_make_them(page: AppTest) -> None:
    assert "The tables do not exist yet" in words(page.run())
    assert "segue migrate" in words(page)


def test_without_a_model_the_page_says_how_to_fit_one(page: AppTest, engine: Engine) -> None:
    metadata.create_all(engine)
    assert "No segment model yet" in words(page.run())
    assert "segue fit" in words(page)


def test_before_anything_is_streamed_the_page_shows_the_empty_segments(
    page: AppTest, engine: Engine, model: SegmentModel
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    shown = words(page.run())
    assert "Nothing has been streamed yet" in shown
    assert all(segment.name in shown for segment in model.segments)


def test_a_model_that_cannot_be_read_is_named(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(models).values(spec={"version": "broken"}))
    assert "The champion model can't be read" in words(page.run())


def test_the_numbers_on_the_page_are_those_in_postgres(page: AppTest, filled: Engine, stream: Stored) -> None:
    drawn = html(page.run())
    assert _totals(drawn) == {
        "transactions": int(stream.progress["transactions"].sum()),
        "customers": len(stream.customers),
        "changes": len(stream.changes),
        "duplicates": int(stream.progress["duplicates"].sum()),
        "late": int(stream.progress["late"].sum()),
        "dead letters": int(stream.progress["dead_letters"].sum()),
    }
    assert _sizes(drawn) == stream.customers["segment"].value_counts().to_dict()
    assert f'data-event-time="{EVENT_TIME.isoformat()}"' in drawn.replace("Z", "+00:00")
    assert "12 customers only ever returned goods" in words(page)


def test_a_card_says_how_many_time_alone_will_move_within_thirty_days(
    page: AppTest, filled: Engine, stream: Stored
) -> None:
    due = pd.to_datetime(stream.customers["next_change_at"], utc=True) <= EVENT_TIME + timedelta(days=30)
    cards = re.findall(r'data-segment="(\w+)".*?sg-due"><b>(\d+)<', html(page.run()))
    assert {segment: int(number) for segment, number in cards} == due.groupby(
        stream.customers["segment"]
    ).sum().to_dict()


def test_the_page_moves_when_the_stream_moves(page: AppTest, filled: Engine) -> None:
    before = _totals(html(page.run()))["transactions"]
    with filled.begin() as connection:
        later = {"transactions": stream_progress.c.transactions + 500, "event_time": EVENT_TIME + timedelta(days=9)}
        connection.execute(update(stream_progress).values(later))
    page.run()
    assert _totals(html(page))["transactions"] == before + 1_000
    assert "Fri 24 June 2011" in words(page)
    assert "days per second" in words(page)


def test_a_wider_window_shows_more_changes_and_stays_chosen(page: AppTest, filled: Engine, stream: Stored) -> None:
    page.run()
    narrow = _moves(words(page))
    page.button_group[0].set_value("all").run()
    assert "since the beginning" in words(page)
    everything = int(stream.changes["from_segment"].notna().sum())
    assert _moves(words(page)) == everything > narrow
    assert _moves(words(page.run())) == everything


def test_the_stream_of_changes_can_be_filtered_by_cause_and_segment(
    page: AppTest, filled: Engine, stream: Stored
) -> None:
    page.run()
    page.button_group(key="live_causes").set_value(["return"])
    page.multiselect(key="live_segments").set_value(["lost"]).run()
    c = stream.changes
    meant = c[(c["cause"] == "return") & ((c["from_segment"] == "lost") | (c["to_segment"] == "lost"))]
    newest = meant.sort_values(["effective_at", "customer_id"], ascending=[False, True]).head(12)
    assert len(newest) == 12
    assert re.findall(r'href="customer\?customer=(\d+)"', html(page)) == newest["customer_id"].tolist()
    page.button_group(key="live_causes").set_value(["model"]).run()
    assert "No change matches these filters yet" in words(page)


def test_a_url_sets_the_window_and_the_filters(database_url: str, filled: Engine, stream: Stored) -> None:
    page = a_page("live", database_url, live_window="All", live_causes="returned", live_segments="Lost").run()
    assert _moves(words(page)) == int(stream.changes["from_segment"].notna().sum())
    c = stream.changes
    meant = c[(c["cause"] == "return") & ((c["from_segment"] == "lost") | (c["to_segment"] == "lost"))]
    newest = meant.sort_values(["effective_at", "customer_id"], ascending=[False, True]).head(12)
    assert re.findall(r'href="customer\?customer=(\d+)"', html(page)) == newest["customer_id"].tolist()


def test_one_sentence_says_what_happened_on_the_last_whole_day(page: AppTest, filled: Engine, stream: Stored) -> None:
    page.run()
    midnight, moments = EVENT_TIME.replace(hour=0, minute=0), stream.changes["effective_at"]
    last = stream.changes[(moments >= midnight - timedelta(days=1)) & (moments < midnight)]
    shown = re.search(r"Tue 14 June 2011, the last whole day: (.*?)\.", words(page))
    assert shown
    came = int(last["from_segment"].isna().sum())
    assert ("no customer moved" in shown[1]) == last.empty
    assert ("bought for the first time" in shown[1]) == bool(came)


def test_a_reader_can_stop_the_refresh(page: AppTest, filled: Engine) -> None:
    page.run()
    page.toggle(key="live_follow").set_value(False).run()
    assert "Wed 15 June 2011" in words(page)
    # The fragment, which would refresh itself, is drawn without a timer.
    assert page.session_state["live_follow"] is False


def test_the_clock_has_the_state_of_the_replay_and_the_lag_beside_it(page: AppTest, filled: Engine) -> None:
    assert "No replay has run here" in words(page.run())
    report = Heartbeat("running", EVENT_TIME, 250, 1_000, 40, 86_400.0)
    replay_control.begin(filled, "shop.csv", report)
    assert "Replay Running at 1d/s · worker lags by 40 records" in words(page.run())
    replay_control.heartbeat(filled, "shop.csv", replace(report, state="paused", lag=0))
    assert "Replay Paused no lag" in words(page.run())
    replay_control.heartbeat(filled, "shop.csv", replace(report, state="finished", lag=0))
    assert "Replay Finished" in words(page.run())
    replay_control.heartbeat(filled, "shop.csv", report)
    with filled.begin() as connection:
        connection.execute(text("UPDATE replay_control SET heartbeat_at = now() - interval '1 hour'"))
    assert "Replay No longer responding" in words(page.run())
    assert "worker lags by" not in words(page)


def test_when_postgres_goes_away_the_last_numbers_stay_under_a_banner(
    page: AppTest, filled: Engine, database_url: str, postgres_server: str
) -> None:
    known = _totals(html(page.run()))
    _admit_connections(postgres_server, database_url, "false")
    page.run()
    assert "Postgres is not available" in words(page)
    assert _totals(html(page)) == known
    _admit_connections(postgres_server, database_url, "true")
    assert "Postgres is not available" not in words(page.run())


def test_a_hostile_name_is_shown_and_not_run(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(
            text("UPDATE segment_changes SET customer_id = '<img src=x onerror=alert(1)>' || customer_id")
        )
    drawn = html(page.run())
    assert "<img src=x" not in drawn
    assert "<img src=x onerror=alert(1)>" in words(page)


def _admit_connections(server_url: str, database_url: str, allowed: str) -> None:
    """Open or close a database; closing ends the connections that it has."""
    name = make_url(database_url).database
    server = connect(server_url)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
    server.dispose()


def _totals(drawn: str) -> dict[str, int]:
    return {name: int(number.replace(",", "")) for name, number in re.findall(r'data-total="(.*?)">([\d,]+)<', drawn)}


def _sizes(drawn: str) -> dict[str, int]:
    found = re.findall(r'data-segment="(\w+)".*?sg-size"><b>([\d,]+)<', drawn)
    return {segment: int(number.replace(",", "")) for segment, number in found}


def _moves(shown: str) -> int:
    found = re.search(r"of ([\d,]+) moves? between", shown)
    assert found
    return int(found[1].replace(",", ""))
