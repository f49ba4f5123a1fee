"""When a rule leads to a message: once for each time in which its measure is above the limit."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.incidents import CALM, UNKNOWN, Incident, due, looked

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# What a look a minute finds: "+" above the limit, "-" not, "?" unknown; in lower-case letters during quiet hours.
ABOVE = {"+": True, "-": False, "?": None, "a": True, "b": False, "u": None}
CALM_LOOKS = "-" * (CALM // MINUTE + 1)
UNKNOWN_LOOKS = "?" * (UNKNOWN // MINUTE + 1)


def messages(looks: Iterable[str]) -> list[str]:
    """The messages of looks that are a minute apart."""
    incident = Incident()
    found: list[str] = []
    for minute, look in enumerate(looks):
        now, above = START + minute * MINUTE, ABOVE[look]
        message, incident = due(looked(incident, above, now), above is not None, look in "abu", now)
        found += [] if message is None else [message]
    return found


def test_a_measure_that_stays_above_its_limit_is_one_message() -> None:
    assert messages("--" + "+" * 500) == ["begun"]


def test_the_end_is_a_message_once_the_measure_has_been_calm() -> None:
    assert messages("+" + CALM_LOOKS[:-1]) == ["begun"]
    assert messages("+" + CALM_LOOKS + "-" * 100) == ["begun", "over"]


def test_a_measure_that_goes_to_and_fro_is_one_incident() -> None:
    assert messages("+-+--+---" * 20) == ["begun"]


def test_after_the_end_the_next_time_is_a_new_message() -> None:
    assert messages(("+" + CALM_LOOKS) * 3) == ["begun", "over"] * 3


def test_in_quiet_hours_messages_wait() -> None:
    assert messages("aaaa") == []
    assert messages("aaaa+") == ["begun"]
    assert messages("+" + "b" * 100 + "-") == ["begun", "over"]


def test_what_ends_within_quiet_hours_is_no_message_at_all() -> None:
    assert messages("a" + "b" * len(CALM_LOOKS) + "----") == []


def test_a_measure_that_is_unknown_for_minutes_is_a_message_and_so_is_its_return() -> None:
    assert messages("-" + UNKNOWN_LOOKS[:-1] + "-" + UNKNOWN_LOOKS[:-1]) == []
    assert messages("-" + UNKNOWN_LOOKS + "?" * 100) == ["unknown"]
    assert messages("-" + UNKNOWN_LOOKS + "--") == ["unknown", "known"]


def test_an_incident_outlasts_a_time_in_which_its_measure_is_unknown() -> None:
    assert messages("+" + UNKNOWN_LOOKS + "+++") == ["begun", "unknown", "known"]
    assert messages("+" + UNKNOWN_LOOKS + "-" + CALM_LOOKS) == ["begun", "unknown", "known", "over"]


@given(st.lists(st.sampled_from("+-?abu"), max_size=200))
def test_messages_always_come_in_pairs_and_in_their_order(looks: list[str]) -> None:
    found = messages(looks)
    for first, second in (("begun", "over"), ("unknown", "known")):
        pairs = [message for message in found if message in (first, second)]
        assert pairs == [first, second] * (len(pairs) // 2) + [first] * (len(pairs) % 2)


@given(st.lists(st.sampled_from("+-?"), max_size=60))
def test_whatever_happened_a_measure_that_stays_above_is_reported_at_last(looks: list[str]) -> None:
    found = [message for message in messages([*looks, *"+++"]) if message in ("begun", "over")]
    assert found[-1] == "begun"
