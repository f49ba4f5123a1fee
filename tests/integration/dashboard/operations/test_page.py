"""The operations page in its states, in Streamlit's test harness against a real Postgres."""

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, text
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.shared.access import Viewer
from data.postgres import audit, replay_control
from data.postgres.audit import Actor
from data.postgres.log_faults import resolve
from data.postgres.replay_control import Heartbeat, ReplayRequest
from data.postgres.tables import dead_letters, log_faults, metadata, stream_progress
from runtime.login import Role
from tests.support import oidc_provider
from tests.support.generated_tables import PARTITIONS, Stored
from tests.support.pages import a_page, html, log_in, words

REPORT = Heartbeat("running", datetime(2011, 3, 1, 12, 0, tzinfo=UTC), 250, 1_000, 40, 86_400.0)
NEVER, PAST = datetime(9999, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
NOT_ALLOWED = "this needs the role of an operator, and a login that has not ended"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page, not yet opened."""
    return a_page("operations", database_url)


@pytest.fixture
def as_operator(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """The dashboard as it is started with ``-- --operator``."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--operator"])
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A script of a dashboard with a login that tries every act."""
    for name, value in oidc_provider.settings("https://id.example", "https://x.example", "postgresql://m@/d").items():
        monkeypatch.setenv(name, value)
    script = AppTest.from_function(_act, default_timeout=300)
    script.secrets["auth"] = {}
    return script


@pytest.fixture
def replaying(filled: Engine) -> Engine:
    """A running replay, whose heartbeat is recent for as long as the test lasts."""
    replay_control.begin(filled, "shop.csv", REPORT)
    with filled.begin() as connection:
        connection.execute(text("UPDATE replay_control SET heartbeat_at = now() + interval '10 minutes'"))
    return filled


def test_without_postgres_it_says_where_it_looked() -> None:
    page = a_page("operations", "postgresql://segue:hush@127.0.0.1:1/shop").run()
    assert "Postgres is not available" in words(page)
    assert "hush" not in html(page)


def test_without_tables_it_says_how_to_make_them(page: AppTest) -> None:
    assert "segue migrate" in words(page.run())


def test_before_anything_runs_it_says_what_to_start(page: AppTest, engine: Engine) -> None:
    metadata.create_all(engine)
    shown = words(page.run())
    assert "No worker has claimed a partition yet: start one with segue worker" in shown
    assert "No replay has ever run" in shown
    assert "None: every record was applied" in shown


def test_it_shows_a_rule_about_the_error_of_predictions(
    page: AppTest, filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "Error"\nmeasure = "prediction_error"\nabove = 12.5\nto = ["team"]\n')
    monkeypatch.setenv("SEGUE_ALERT_RULES", str(rules))
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    assert "<td>Error</td><td>12.5 per cent</td>" in html(page.run())


def test_it_shows_what_is_in_postgres_even_without_a_model(page: AppTest, filled: Engine, stream: Stored) -> None:
    with filled.begin() as connection:
        connection.execute(text("TRUNCATE model_aliases"))
    shown = dict(re.findall(r'data-total="(.*?)">([\d,]+)<', html(page.run())))
    progress = stream.progress
    assert shown == {
        "partitions": str(PARTITIONS),
        "workers": str(progress["owner"].nunique()),
        "to publish": f"{progress['change_position'].sum():,}",
        "duplicates": f"{progress['duplicates'].sum():,}",
        "late": f"{progress['late'].sum():,}",
        "dead letters": f"{progress['dead_letters'].sum():,}",
        "failing": "0",
    }
    assert re.findall(r'data-partition="(\d+)"', html(page)) == [str(number) for number in range(PARTITIONS)]
    assert "15 Jun 2011, 09:30" in words(page)


def test_a_failing_partition_is_marked_with_its_error(page: AppTest, filled: Engine) -> None:
    failing = stream_progress.update().where(stream_progress.c.partition == 1)
    with filled.begin() as connection:
        connection.execute(failing.values(failures=7, failure=f"DiskFull: {HOSTILE}"))
    page.run()
    assert re.findall(r'data-partition="(\d+)" data-failing', html(page)) == ["1"]
    assert "DiskFull: &lt;img" in html(page)
    assert HOSTILE not in html(page)
    assert dict(re.findall(r'data-total="(.*?)">([\d,]+)<', html(page)))["failing"] == "1"


def test_a_partition_without_a_tick_is_marked(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(stream_progress.update().where(stream_progress.c.partition == 1).values(event_time=None))
    shown = words(page.run())
    assert "no tick yet" in shown
    assert "No event time yet" in shown


def test_it_shows_how_far_the_replay_is(page: AppTest, replaying: Engine) -> None:
    shown = words(page.run())
    assert "Running" in shown
    assert "shop.csv" in shown
    assert "250 of 1,000 transactions sent" in shown
    assert "speed 1d/s · worker lags by 40 records" in shown
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, state="paused", sent=300))
    shown = words(page.run())
    assert "Paused" in shown
    assert "300 of 1,000" in shown


def test_a_replay_without_heartbeats_is_no_longer_responding(page: AppTest, replaying: Engine) -> None:
    with replaying.begin() as connection:
        connection.execute(text("UPDATE replay_control SET heartbeat_at = now() - interval '1 hour'"))
    assert "No longer responding" in words(page.run())


def test_without_the_operator_flag_there_are_no_buttons(page: AppTest, replaying: Engine) -> None:
    _set_aside(replaying, 3)
    page.run()
    assert page.button == []
    assert [each.key for each in page.selectbox] == ["operations_reason"]
    assert "--operator" in page.caption[0].value


@pytest.mark.usefixtures("as_operator")
def test_an_operator_pauses_resumes_and_sets_the_speed(page: AppTest, replaying: Engine) -> None:
    page.run().button(key="operations_do_pause").click().run()
    assert page.toast[0].value == "shop.csv will pause"
    assert "command sent, not applied yet" in words(page)
    assert replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, state="paused")) == ReplayRequest(True, None)
    page.run().button(key="operations_do_play_arrow").click().run()
    page.selectbox(key="operations_speed").set_value("7d/s").run().button(key="operations_do_speed").click().run()
    assert replay_control.heartbeat(replaying, "shop.csv", REPORT) == ReplayRequest(False, 604_800.0)


@pytest.mark.usefixtures("as_operator")
def test_the_list_of_speeds_begins_with_that_of_the_replay(page: AppTest, replaying: Engine) -> None:
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, speed=7 * 86_400.0))
    assert page.run().selectbox(key="operations_speed").value == "7d/s"


@pytest.mark.usefixtures("as_operator")
@pytest.mark.parametrize(
    ("factor", "shown", "place"), [(7_200.0, "2h/s", 1), (0.5, "0.5x", 0), (60 * 86_400.0, "60d/s", 5)]
)
def test_a_speed_that_no_list_would_have_is_in_the_list_while_a_replay_runs_at_it(
    page: AppTest, replaying: Engine, factor: float, shown: str, place: int
) -> None:
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, speed=factor))
    speeds = page.run().selectbox(key="operations_speed")
    assert (speeds.value, speeds.options.index(shown)) == (shown, place)
    assert len(speeds.options) == 7
    page.button(key="operations_do_speed").click().run()
    assert replay_control.heartbeat(replaying, "shop.csv", REPORT) == ReplayRequest(False, factor)


@pytest.mark.usefixtures("as_operator")
def test_a_choice_of_a_reader_stays_while_the_replay_gets_another_speed(page: AppTest, replaying: Engine) -> None:
    page.run().selectbox(key="operations_speed").set_value("7d/s").run()
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, speed=7_200.0))
    assert page.run().selectbox(key="operations_speed").value == "7d/s"


@pytest.mark.usefixtures("as_operator")
def test_what_an_operator_does_without_a_login_is_recorded_as_anyones(page: AppTest, replaying: Engine) -> None:
    page.run().button(key="operations_do_pause").click().run()
    [act] = audit.acts(replaying, 10)
    assert (act.subject, act.role, act.act) == ("anyone", "no login", "control pause")
    assert (act.outcome, act.detail) == ("done", {"datasets": ["shop.csv"]})


@pytest.mark.usefixtures("as_operator")
def test_an_act_that_fails_is_recorded_as_failed(page: AppTest, replaying: Engine) -> None:
    page.run()
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, state="finished"))
    page.button(key="operations_do_pause").click().run()
    assert [(act.act, act.outcome) for act in audit.acts(replaying, 10)] == [("control pause", "failed")]


@pytest.mark.parametrize(
    ("role", "said"), [("operator", "Start the dashboard with"), ("marketer", "Operators can pause a replay")]
)
def test_without_buttons_it_says_what_is_missing(page: AppTest, filled: Engine, role: Role, said: str) -> None:
    _set_aside(filled, 1)
    log_in(page, Viewer(Actor("olga", role), role, False, NEVER))
    assert said in page.run().caption[0].value


@pytest.mark.usefixtures("as_operator")
@pytest.mark.parametrize(
    "viewer",
    [
        pytest.param(Viewer(Actor("mia", "marketer"), "marketer", False, NEVER), id="a marketer"),
        pytest.param(Viewer(Actor("olga", "operator"), "operator", False, PAST), id="a login that has ended"),
        pytest.param(None, id="nobody"),
    ],
)
def test_a_role_is_checked_at_the_act_itself(served: AppTest, replaying: Engine, viewer: Viewer | None) -> None:
    """A client could press a button that was there before, or one that is not there."""
    if viewer is not None:
        log_in(served, viewer)
    served.run()
    assert [text.value for text in served.text] == [NOT_ALLOWED] * 4
    assert audit.acts(replaying, 10) == []
    assert not replay_control.replays(replaying)[0].wanted_paused


@pytest.mark.usefixtures("as_operator")
def test_an_act_needs_the_login_that_the_browser_has(served: AppTest, replaying: Engine) -> None:
    log_in(served, Viewer(Actor("olga", "operator"), "operator", False, NEVER))
    served.run()
    assert "shop.csv will pause" in [text.value for text in served.text]
    served.user = served.user | {"sub": "somebody"}
    served.run()
    assert {text.value for text in served.text} == {NOT_ALLOWED}
    assert {act.subject for act in audit.acts(replaying, 10)} == {"olga"}


@pytest.mark.usefixtures("as_operator")
def test_without_a_running_replay_the_buttons_are_disabled(page: AppTest, filled: Engine) -> None:
    page.run()
    assert all(button.disabled for button in page.button)


@pytest.mark.usefixtures("as_operator")
def test_pausing_a_replay_that_has_ended_fails_with_a_message(page: AppTest, replaying: Engine) -> None:
    page.run()
    replay_control.heartbeat(replaying, "shop.csv", replace(REPORT, state="finished"))
    page.button(key="operations_do_pause").click().run()
    assert "Failed: no replay is running here" in page.toast[0].value


@pytest.mark.usefixtures("as_operator")
def test_a_retry_that_finds_no_broker_says_so(page: AppTest, filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("SEGUE_PARTITIONS", "0")
    _set_aside(filled, 1)
    page.run().button(key="operations_retry_('log', 0, 0)").click().run()
    assert "Failed: " in page.toast[0].value


def test_dead_letters_are_shown_page_by_page_and_by_reason(page: AppTest, filled: Engine) -> None:
    _set_aside(filled, 25, "bad money")
    _set_aside(filled, 3, "no customer", partition=1)
    page.run()
    assert len(_letters(page)) == 10
    page.number_input(key="operations_page").set_value(3).run()
    assert len(_letters(page)) == 8
    page.selectbox(key="operations_reason").set_value("no customer").run()
    assert _letters(page) == ["1:2", "1:1", "1:0"]
    assert page.number_input(key="operations_page").value == 1


def test_a_retried_dead_letter_has_its_wall_clock_time(page: AppTest, filled: Engine) -> None:
    _set_aside(filled, 1)
    with filled.begin() as connection:
        connection.execute(text("UPDATE dead_letters SET retried_at = '2026-06-01T12:00:00Z'"))
    assert "retried 1 Jun 2026, 12:00 (wall clock)" in words(page.run())


def test_unresolved_log_faults_are_shown_above_everything(page: AppTest, filled: Engine) -> None:
    assert "log fault" not in words(page.run())
    fault = {"log_id": HOSTILE, "partition": 1, "kind": "deleted", "first_offset": 5, "end_offset": 2_005}
    with filled.begin() as connection:
        connection.execute(insert(log_faults), [fault, fault | {"kind": HOSTILE}])
    shown = words(page.run())
    assert "2 log faults" in shown
    assert "Partition 1: 2,000 records (offsets 5 to 2,004) were deleted before they were read" in shown
    assert "<img" not in html(page)
    resolve(filled, None)
    assert "log fault" not in words(page.run())


def test_hostile_bytes_are_shown_and_not_run(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        place = {"log_id": HOSTILE, "partition": 0, "offset": 7}
        bytes_of = {"key": HOSTILE.encode(), "value": b"\xff" + HOSTILE.encode() * 5_000}
        connection.execute(insert(dead_letters).values(**place, reason=HOSTILE * 200, **bytes_of))
    page.run()
    assert "<img" not in html(page)
    assert len(html(page)) < 60_000
    assert f"key {HOSTILE}" in words(page)


def test_a_letter_without_key_and_value_is_shown(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(insert(dead_letters).values(log_id="log", partition=0, offset=7, reason="empty"))
    shown = words(page.run())
    assert "key (none) · 0 bytes" in shown
    assert "(no value)" in shown


def test_when_postgres_goes_away_the_last_numbers_stay_under_a_banner(page: AppTest, filled: Engine) -> None:
    known = html(page.run())
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE stream_progress RENAME TO elsewhere"))
    shown = words(page.run())
    assert "The numbers below are the last known ones" in shown
    assert re.findall(r'data-total=".*?">[\d,]+<', known) == re.findall(r'data-total=".*?">[\d,]+<', html(page))


def test_the_dead_letters_keep_their_filter_when_postgres_is_back(page: AppTest, filled: Engine) -> None:
    _set_aside(filled, 12, "bad money")
    _set_aside(filled, 15, "no customer", partition=1)
    page.run().selectbox(key="operations_reason").set_value("no customer").run()
    page.number_input(key="operations_page").set_value(2).run()
    known = _letters(page)
    assert len(known) == 5
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE dead_letters RENAME TO elsewhere"))
    assert "The page tries again every few seconds" in words(page.run())
    assert _letters(page) == []
    with filled.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO dead_letters"))
    assert _letters(page.run()) == known


def test_every_dead_letter_is_reached_after_a_change_of_reason(page: AppTest, filled: Engine) -> None:
    _set_aside(filled, 12)
    page.run().number_input(key="operations_page").set_value(2).run()
    with filled.begin() as connection:
        connection.execute(delete(dead_letters).where(dead_letters.c.offset > 4))
    assert len(_letters(page.run())) == 5


def _set_aside(engine: Engine, number: int, reason: str = "bad money", partition: int = 0) -> None:
    rows = [
        {"log_id": "log", "partition": partition, "offset": offset, "reason": reason, "key": b"1", "value": b"{}"}
        for offset in range(number)
    ]
    with engine.begin() as connection:
        connection.execute(insert(dead_letters), rows)


def _letters(page: AppTest) -> list[str]:
    return re.findall(r'data-letter="(.*?)"', html(page))


def _act() -> None:
    """A script of its own: Streamlit runs its source."""
    from functools import partial

    import streamlit as st

    from dashboard.operations import actions
    from runtime.errors import SegueError

    for act in (
        actions.pause,
        actions.resume,
        partial(actions.set_speed, "max"),
        partial(actions.requeue, "log", 0, 0),
    ):
        try:
            st.text(act())
        except (SegueError, LookupError) as error:
            st.text(str(error))
