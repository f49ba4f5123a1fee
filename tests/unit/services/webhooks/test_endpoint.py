"""A request is a signed CloudEvent, and every answer has a defined meaning."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.webhooks.endpoint import Endpoint, WebhookError, outcome_of
from services.webhooks.schedule import AcceptedAttempt, Delivery, FailedAttempt, RefusedAttempt

URL = "https://shop.example/segue?token=hush"
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
CHANGE = Delivery(0, 7, "12345", 3, '{"id": "12345:3", "£": 1}'.encode())


def test_the_signature_is_that_of_standard_webhooks() -> None:
    headers = Endpoint.of(URL, SECRET).headers(CHANGE, NOW)
    signed = f"12345:3.{int(NOW.timestamp())}.".encode() + CHANGE.event
    digest = hmac.new(KEY, signed, hashlib.sha256).digest()
    assert headers == {
        "content-type": "application/cloudevents+json; charset=UTF-8",
        "webhook-id": "12345:3",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def test_a_receiver_verifies_a_request_and_detects_tampering() -> None:
    headers = Endpoint.of(URL, SECRET).headers(CHANGE, datetime.now(UTC))
    assert Webhook(SECRET).verify(CHANGE.event, headers) == {"id": "12345:3", "£": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(CHANGE.event + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD_SECRET).verify(CHANGE.event, headers)


def test_while_there_are_two_secrets_both_verify() -> None:
    headers = Endpoint.of(URL, f"{SECRET} {OLD_SECRET}").headers(CHANGE, datetime.now(UTC))
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(CHANGE.event, headers)


def test_any_id_can_be_encoded_in_a_header() -> None:
    endpoint = Endpoint.of(URL, SECRET)
    headers = endpoint.headers(Delivery(0, 0, "Zoë 5.1%", 2, b"{}"), datetime.now(UTC))
    assert headers["webhook-id"] == "Zo%C3%AB%205%2E1%25:2"
    Webhook(SECRET).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("url", "secret", "reason"),
    [
        (None, SECRET, "webhooks are off: set SEGUE_WEBHOOK_URL"),
        (URL, None, "webhooks are signed: set SEGUE_WEBHOOK_SECRET"),
        ("ftp://shop.example/", SECRET, "must begin with https:// or http://"),
        ("file:///etc/passwd", SECRET, "must begin with https:// or http://"),
        ("shop.example/segue", SECRET, "must begin with https:// or http://"),
        ("https://", SECRET, "name a host"),
        ("https://shop.example:port/", SECRET, "is not a URL"),
        ("https://me:hush@shop.example/", SECRET, "contains a user"),
        (URL, "hush", "must be whsec_"),
        (URL, "whsec_hush!", "must be whsec_"),
        (URL, "whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes"),
        (URL, "whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes"),
    ],
)
def test_an_invalid_setting_is_reported_in_one_line_without_a_secret(
    url: str | None, secret: str | None, reason: str
) -> None:
    with pytest.raises(WebhookError, match=reason) as raised:
        Endpoint.of(url, secret)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_endpoint_as_text_shows_neither_path_nor_keys() -> None:
    endpoint = Endpoint.of("https://shop.example:8443/secret/path?token=hush", SECRET)
    assert str(endpoint) == "https://shop.example:8443"
    assert "secret/path" not in repr(endpoint)
    assert "hush" not in repr(endpoint)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_is_accepted(status: int) -> None:
    assert outcome_of(status, {}, "", NOW) == AcceptedAttempt()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 599])
def test_a_temporary_error_is_retried(status: int) -> None:
    outcome = outcome_of(status, {}, "", NOW)
    assert isinstance(outcome, FailedAttempt)
    # The others say that it is there, and has failed at this change.
    assert outcome.unavailable == (status not in {409, 500, 599})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
def test_a_permanent_error_is_not_retried(status: int) -> None:
    assert isinstance(outcome_of(status, {}, "", NOW), RefusedAttempt)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_with_advice(status: int) -> None:
    outcome = outcome_of(status, {"location": "http://169.254.169.254/"}, "", NOW)
    assert isinstance(outcome, RefusedAttempt)
    assert "SEGUE_WEBHOOK_URL must be where it leads" in outcome.reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("2.5", 2.5),
        ("0", 1.0),
        ("-5", 1.0),
        ("nan", 1.0),
        ("inf", 86_400.0),
        ("99999999", 86_400.0),
        ("Fri, 09 Dec 2011 12:51:30 GMT", 90.0),
        ("Fri, 09 Dec 2011 12:00:00 GMT", 1.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    for status in (429, 503):
        outcome = outcome_of(status, {"retry-after": header}, "", NOW)
        assert isinstance(outcome, FailedAttempt)
        assert outcome.unavailable
        assert outcome.after == seconds


def test_the_reason_contains_the_receivers_answer_on_one_short_line() -> None:
    outcome = outcome_of(422, {}, "no such\n  customer " + "x" * 1_000, NOW)
    assert isinstance(outcome, RefusedAttempt)
    assert outcome.reason.startswith("422 Unprocessable Entity: no such customer xxx")
    assert len(outcome.reason) < 300


def test_the_timestamp_is_that_of_the_attempt() -> None:
    endpoint = Endpoint.of(URL, SECRET)
    first, second = (endpoint.headers(CHANGE, NOW + timedelta(hours=hours)) for hours in (0, 1))
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600
    assert first["webhook-id"] == second["webhook-id"]
