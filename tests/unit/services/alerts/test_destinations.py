"""Addresses of destinations: named, checked, and never shown."""

import logging
import socket

import pytest

from services.alerts.destinations import AppriseSender, DestinationError, parse_destinations
from tests.support.alert_receiver import alert_receiver

SECRET = "hunter2-of-the-shop"


def test_addresses_are_words_with_a_name() -> None:
    found = parse_destinations(f"team=json://127.0.0.1:1/x?a=b\n  boss=mailto://me:{SECRET}@example.com ")
    assert found == {"team": "json://127.0.0.1:1/x?a=b", "boss": f"mailto://me:{SECRET}@example.com"}
    assert parse_destinations("  ") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"mailto://me:{SECRET}@example.com", "word 1 is not NAME=ADDRESS"),
        (f"team=json://x -={SECRET}://x", "word 2 is not NAME=ADDRESS"),
        (f"team={SECRET}", "word 1 is not NAME=ADDRESS"),
        (f"team=json://x team=json://{SECRET}", "the name 'team' is there twice"),
    ],
)
def test_other_words_are_refused_without_a_secret(text: str, reason: str) -> None:
    with pytest.raises(DestinationError) as refused:
        parse_destinations(text)
    assert reason in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_address_that_apprise_does_not_know_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(DestinationError) as refused:
        AppriseSender.of({"team": f"carrier-pigeon://{SECRET}"})
    assert "the destination 'team' has no address that Apprise knows" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_message_arrives_as_it_was_written() -> None:
    with alert_receiver() as receiver:
        AppriseSender.of({"team": receiver.address}).send("team", "A *title*", "Costs £5 & <more>")
    [message] = receiver.messages
    assert (message["title"], message["message"]) == ("A *title*", "Costs £5 & <more>")


def test_a_refusal_has_a_reason_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with alert_receiver() as receiver, caplog.at_level(logging.DEBUG):
        receiver.refuses = True
        address = receiver.address.replace("json://", f"json://user:{SECRET}@") + SECRET
        with pytest.raises(DestinationError, match=r"team did not accept the message: .*500") as refused:
            AppriseSender.of({"team": address}).send("team", "title", "body")
    assert SECRET not in str(refused.value) + caplog.text


@pytest.mark.parametrize(("password", "written"), [("p%40ss-word", "p@ss-word"), ("abc", "abc"), ("x%2Fy", "x/y")])
def test_a_reason_does_not_show_a_password_in_any_form(
    password: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notify(_self: object, **_: object) -> bool:
        logging.getLogger("apprise").warning("Login as me with %s or %s failed", password, written)
        return False

    monkeypatch.setattr("apprise.Apprise.notify", notify)
    sender = AppriseSender.of({"team": f"json://me:{password}@127.0.0.1:1/"})
    with pytest.raises(DestinationError) as refused:
        sender.send("team", "title", "body")
    assert password not in str(refused.value)
    assert written not in str(refused.value)
    assert "Login as **** with **** or **** failed" in str(refused.value)


def test_a_receiver_that_is_not_there_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DestinationError, match="team did not accept the message"):
        AppriseSender.of({"team": f"json://127.0.0.1:{port}/"}).send("team", "title", "body")
