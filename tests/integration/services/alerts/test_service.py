"""Alerts on a real Postgres, sent by Apprise to a real receiver."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, text, update

from data.postgres.database import engine
from data.postgres.tables import customers, dead_letters, stream_progress
from runtime.money import Money
from services.alerts.destinations import AppriseSender
from services.alerts.incidents import CALM, UNKNOWN
from services.alerts.measures import Sources, measured
from services.alerts.rules import parse_rules
from services.alerts.service import AlertService
from services.alerts.state_file import StateError, StateFile
from services.claimed_partitions import ClaimedPartitions, claimed_partitions
from tests.support.alert_receiver import AlertReceiver, alert_receiver
from tests.support.generated_tables import a_model, a_stream, store
from tests.support.rhythm import store_predictions

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONEY = Money("GBP", "en_GB")
CHAMPIONS = text("SELECT count(*) FROM customers WHERE segment = 'champions'")


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with alert_receiver() as running:
        yield running


@pytest.fixture
def stream(postgres: Engine) -> Engine:
    """A database that holds a stream, whose champion carries predictions."""
    store(postgres, a_model(), a_stream(a_model()))
    store_predictions(postgres)
    return postgres


def rule(measure: str, above: float, more: str = "", to: str = "team") -> str:
    return f'[[rule]]\nname = "About {measure}"\nmeasure = "{measure}"\nabove = {above}\nto = ["{to}"]\n{more}\n'


class Watch:
    """Alerts whose clock a test moves."""

    def __init__(self, rules: str, postgres: Engine, addresses: dict[str, str], file: Path) -> None:
        self.now = START
        self._state = StateFile.open(file)
        self.broker_answers = True
        sender, known = AppriseSender.of(addresses), parse_rules(rules, addresses)
        sources = Sources(postgres, lambda: self._claimed(postgres))
        self.service = AlertService(known, sources, sender, self._state, MONEY, lambda: self.now)

    def look(self, later: timedelta = timedelta(minutes=1)) -> int:
        self.now += later
        return self.service.look()

    def close(self) -> None:
        self._state.close()

    def _claimed(self, postgres: Engine) -> ClaimedPartitions:
        """All partitions, which have caught up with the log if a broker says where it ends."""
        found = claimed_partitions(postgres, None, "topic")
        if not self.broker_answers:
            return found
        return ClaimedPartitions([replace(each, lag=0) for each in found.partitions], True)


Start = Callable[..., Watch]


@pytest.fixture
def start(stream: Engine, receiver: AlertReceiver, tmp_path: Path) -> Iterator[Start]:
    """Starts alerts on the stream; those that were started before are closed."""
    started: list[Watch] = []

    def start_them(rules: str, **addresses: str) -> Watch:
        for before in started:
            before.close()
        watch = Watch(rules, stream, {"team": receiver.address} | addresses, tmp_path / "alerts.json")
        started[:] = [watch]
        return watch

    yield start_them
    for watch in started:
        watch.close()


def a_dead_letter(postgres: Engine, offset: int) -> None:
    row = {"log_id": "log", "partition": 0, "offset": offset, "reason": "bad", "published": True}
    with postgres.begin() as connection:
        connection.execute(insert(dead_letters).values(row | {"key": b"k", "value": b"v"}))


def test_a_rule_about_customers_counts_them_and_says_so_once(
    start: Start, stream: Engine, receiver: AlertReceiver
) -> None:
    with stream.connect() as connection:
        number = connection.execute(CHAMPIONS).scalar_one()
    watch = start(rule("customers", number - 1, 'where = "segment = Champions"'))
    assert [watch.look() for _ in range(5)] == [1, 0, 0, 0, 0]
    [message] = receiver.messages
    assert message["title"] == "Segue: About customers"
    assert f"More than {number - 1} customers. Now: {number} customers, segment = Champions" in message["message"]
    assert "data up to 2011-06-15 09:30 UTC" in message["message"]


def test_a_limit_that_is_only_reached_is_not_exceeded(start: Start, stream: Engine, receiver: AlertReceiver) -> None:
    with stream.connect() as connection:
        number = connection.execute(CHAMPIONS).scalar_one()
    assert start(rule("customers", number, 'where = "segment = Champions"')).look() == 0
    assert receiver.messages == []


def test_money_at_stake_is_written_in_the_currency(start: Start, receiver: AlertReceiver) -> None:
    assert start(rule("money_at_stake", 1, 'where = "everyone"')).look() == 1
    assert "More than £1. Now: £" in receiver.messages[0]["message"]


def test_the_end_is_written_once_and_the_next_time_again(start: Start, stream: Engine, receiver: AlertReceiver) -> None:
    watch = start(rule("dead_letters", 0))
    assert watch.look() == 0
    a_dead_letter(stream, 1)
    assert watch.look() == 1
    with stream.begin() as connection:
        connection.execute(delete(dead_letters))
    assert [watch.look(), watch.look(CALM), watch.look(CALM)] == [0, 1, 0]
    a_dead_letter(stream, 2)
    assert watch.look() == 1
    assert receiver.titles == ["Segue: About dead_letters", "Over: About dead_letters", "Segue: About dead_letters"]


def test_a_restart_repeats_nothing(start: Start, stream: Engine, receiver: AlertReceiver) -> None:
    a_dead_letter(stream, 1)
    assert start(rule("dead_letters", 0)).look() == 1
    assert start(rule("dead_letters", 0)).look() == 0
    assert len(receiver.messages) == 1


def test_what_is_not_accepted_is_sent_again_and_only_there(
    start: Start, stream: Engine, receiver: AlertReceiver
) -> None:
    a_dead_letter(stream, 1)
    with alert_receiver() as other:
        other.refuses = True
        both = rule("dead_letters", 0, to='team", "boss')
        watch = start(both, boss=other.address)
        assert watch.look() == 1
        assert watch.service.health.ready().status == 503
        other.refuses = False
        assert [watch.look(), watch.look()] == [1, 0]
        assert watch.service.health.ready().status == 200
        assert other.titles == receiver.titles == ["Segue: About dead_letters"]


def test_a_rule_that_cannot_be_checked_is_reported_and_so_is_its_return(
    start: Start, stream: Engine, receiver: AlertReceiver
) -> None:
    watch = start(rule("customers", 0, 'audience = "VIPs"'))
    assert [watch.look(), watch.look(UNKNOWN), watch.look()] == [0, 1, 0]
    assert receiver.titles == ["Segue can't check: About customers"]
    assert "there is no audience 'VIPs'" in receiver.messages[0]["message"]
    with stream.begin() as connection:
        connection.execute(text("INSERT INTO audiences (name, definition) VALUES ('VIPs', 'segment = champions')"))
    assert [watch.look(), watch.look(), watch.look()] == [1, 1, 0]
    assert receiver.titles[1:] == ["Segue checks again: About customers", "Segue: About customers"]


def test_a_partition_that_fails_is_a_problem_in_its_own_words(
    start: Start, stream: Engine, receiver: AlertReceiver
) -> None:
    watch = start(rule("stuck_partitions", 0))
    assert watch.look() == 0
    with stream.begin() as connection:
        failing = {"failures": 3, "failure": "no space left on device", "failing_since": START}
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 0).values(failing))
    assert watch.look() == 1
    assert "partition 0 has failed 3 times in a row: no space left on device" in receiver.messages[0]["message"]


def test_a_broker_that_does_not_answer_is_no_end_of_a_stuck_partition(
    start: Start, stream: Engine, receiver: AlertReceiver
) -> None:
    watch = start(rule("stuck_partitions", 0))
    failing = {"failures": 3, "failure": "no space left on device", "failing_since": START}
    with stream.begin() as connection:
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 0).values(failing))
    assert watch.look() == 1
    watch.broker_answers = False
    with stream.begin() as connection:
        connection.execute(update(stream_progress).values(failures=0, failure=None, failing_since=None))
    assert [watch.look(), watch.look(CALM), watch.look(CALM)] == [0, 1, 0]
    assert receiver.titles[1:] == ["Segue can't check: About stuck_partitions"]


def test_a_postgres_that_does_not_answer_is_reported(receiver: AlertReceiver, tmp_path: Path) -> None:
    nowhere = engine("postgresql://segue@127.0.0.1:1/segue")
    rules = rule("money_at_stake", 1, 'where = "everyone"') + rule("dead_letters", 0)
    watch = Watch(rules, nowhere, {"team": receiver.address}, tmp_path / "alerts.json")
    assert [watch.look(), watch.look(UNKNOWN), watch.look()] == [0, 2, 0]
    assert receiver.titles == ["Segue can't check: About money_at_stake", "Segue can't check: About dead_letters"]
    watch.close()


def test_a_file_that_cannot_be_written_does_not_end_the_alerts(
    start: Start, stream: Engine, receiver: AlertReceiver, tmp_path: Path
) -> None:
    watch = start(rule("dead_letters", 0))
    (tmp_path / "alerts.json").mkdir()
    a_dead_letter(stream, 1)
    assert [watch.look(), watch.look()] == [1, 0]
    assert len(receiver.messages) == 1


def test_a_lag_that_no_broker_reports_is_unknown_and_not_zero(stream: Engine) -> None:
    [about] = parse_rules(rule("lag", 0), ["team"])
    found = measured(about, Sources(stream, lambda: claimed_partitions(stream, None, "topic")))
    assert (found.value, found.is_above(0)) == (None, None)


def test_the_lag_is_that_of_the_partition_that_is_furthest_behind(stream: Engine) -> None:
    [about] = parse_rules(rule("lag", 10), ["team"])
    partitions = claimed_partitions(stream, None, "topic").partitions
    shown = [replace(each, lag=each.partition * 20) for each in partitions]
    found = measured(about, Sources(stream, lambda: ClaimedPartitions(shown, True)))
    assert found.value == max(each.lag or 0 for each in shown) > 0


def test_without_any_customer_left_the_measure_is_zero(start: Start, stream: Engine, receiver: AlertReceiver) -> None:
    with stream.begin() as connection:
        connection.execute(delete(customers))
    assert start(rule("customers", 0, 'where = "everyone"')).look() == 0
    assert receiver.messages == []


def test_two_processes_do_not_share_a_file(tmp_path: Path) -> None:
    file = StateFile.open(tmp_path / "alerts.json")
    with pytest.raises(StateError, match="another process sends alerts"):
        StateFile.open(tmp_path / "alerts.json")
    file.close()
    StateFile.open(tmp_path / "alerts.json").close()


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text('["x"]')
    file = StateFile.open(tmp_path / "alerts.json")
    with pytest.raises(StateError, match="is not a file of incidents: delete it"):
        file.read()
    file.close()
