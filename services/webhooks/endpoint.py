"""The receiver: sends one signed HTTP request for each change, and interprets the answer.

A request is a CloudEvent in structured mode, signed as Standard Webhooks specify (HMAC-SHA256 of id, timestamp and
body): https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import quote

import httpx
from standardwebhooks import Webhook

from data.contract.events import CONTENT_TYPE
from runtime.errors import SegueError
from services.webhooks.schedule import AcceptedAttempt, AttemptOutcome, Delivery, FailedAttempt, RefusedAttempt

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
# These answers come from a proxy or an overloaded receiver; they say nothing about the change.
_UNAVAILABLE = {
    *(httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS),
    *(httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT),
}
#: Answers after which a retry may succeed; 5xx answers are retried, too.
_RETRYABLE = {*_UNAVAILABLE, httpx.codes.CONFLICT}
_MAX_RETRY_AFTER = 24 * 3600.0
_MIN_RETRY_AFTER = 1.0
# How much of an answer's body is read, in bytes, and reported, in characters.
_MAX_BODY_BYTES = 65_536
_REPORTED_LENGTH = 200
# The signed content separates id, timestamp and body by full stops, so the id must not contain one. Otherwise this is
# how CloudEvents encode HTTP header values.
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).translate(str.maketrans("", "", '"%.'))


class WebhookError(SegueError, ValueError):
    """A webhook's settings are invalid; the message says what to do, and contains no secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The receiver's URL and the signing keys. ``repr`` shows neither; ``str`` shows only scheme and host."""

    url: httpx.URL = field(repr=False)
    keys: tuple[Webhook, ...] = field(repr=False)

    @classmethod
    def of(cls, url: str | None, secret: str | None) -> Self:
        """Create an endpoint from settings.

        Raises
        ------
        WebhookError
            If a setting is missing or invalid.
        """
        if not url:
            raise WebhookError("webhooks are off: set SEGUE_WEBHOOK_URL and SEGUE_WEBHOOK_SECRET")
        if not secret:
            raise WebhookError(
                "webhooks are signed: set SEGUE_WEBHOOK_SECRET, for example to whsec_$(openssl rand -base64 32)"
            )
        return cls(_url(url), tuple(map(_key, secret.split())))

    def headers(self, delivery: Delivery, now: datetime) -> dict[str, str]:
        """Return the headers with id, timestamp and signatures; the id is the same in every attempt."""
        event_id = quote(f"{delivery.customer_id}:{delivery.sequence}", safe=_PLAIN).replace(".", "%2E")
        now = now.astimezone(UTC)
        return {
            "content-type": CONTENT_TYPE,
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(event_id, now, delivery.event.decode()) for key in self.keys),
        }

    def __str__(self) -> str:
        return f"{self.url.scheme}://{self.url.netloc.decode()}"


class WebhookSender:
    """Sends requests; no behaviour of the receiver raises an exception."""

    def __init__(self, endpoint: Endpoint, client: httpx.AsyncClient, timeout: float) -> None:
        self._endpoint = endpoint
        self._client = client
        self._timeout = timeout

    async def __call__(self, delivery: Delivery, now: datetime) -> AttemptOutcome:
        """Make one attempt, which takes ``timeout`` seconds at most."""
        headers = self._endpoint.headers(delivery, now)
        request = self._client.build_request("POST", self._endpoint.url, content=delivery.event, headers=headers)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, stream=True, follow_redirects=False)
                try:
                    body = await _beginning(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return FailedAttempt(f"no answer within {self._timeout:g} s", unavailable=True)
        except httpx.HTTPError as error:
            return FailedAttempt(
                f"{_words(type(error).__name__)}{f' ({error})' if str(error) else ''}", unavailable=True
            )
        return outcome_of(response.status_code, response.headers, body, now)


def outcome_of(status: int, headers: Mapping[str, str], body: str, now: datetime) -> AttemptOutcome:
    """Interpret an answer: 2xx is accepted; 408, 409, 425, 429 and 5xx are retried; all others are refused."""
    if httpx.codes.is_success(status):
        return AcceptedAttempt()
    reason = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
    if httpx.codes.is_redirect(status):
        return RefusedAttempt(f"{reason}: redirects are not followed; SEGUE_WEBHOOK_URL must be where it leads")
    text = " ".join(body.split())
    if text:
        reason += f": {text[:_REPORTED_LENGTH]}{'…' if len(text) > _REPORTED_LENGTH else ''}"
    if status in _RETRYABLE or httpx.codes.is_server_error(status):
        return FailedAttempt(reason, _retry_after(headers.get("retry-after"), now), unavailable=status in _UNAVAILABLE)
    return RefusedAttempt(reason)


def client(concurrency: int, timeout: float) -> httpx.AsyncClient:
    """Return a client with one connection for each concurrent request; it does not follow redirects."""
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    # No compression: a small compressed body may expand to a huge one.
    headers = {"user-agent": "segue-webhooks", "accept-encoding": "identity"}
    return httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False, headers=headers)


async def _beginning(response: httpx.Response) -> str:
    """Return the beginning of a body as text, without reading the rest."""
    body = b""
    async for part in response.aiter_raw(4_096):
        body += part
        if len(body) > _MAX_BODY_BYTES:
            break
    text = body[:_MAX_BODY_BYTES].decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _retry_after(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for; the header is a number or a date."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    # `not >` instead of `<`, so that NaN gives the minimum.
    return _MIN_RETRY_AFTER if not seconds > _MIN_RETRY_AFTER else min(seconds, _MAX_RETRY_AFTER)


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise WebhookError(f"SEGUE_WEBHOOK_URL is not a URL ({error})") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise WebhookError("SEGUE_WEBHOOK_URL must begin with https:// or http:// and name a host")
    if url.userinfo:
        raise WebhookError("SEGUE_WEBHOOK_URL contains a user; leave it out, the signature identifies the sender")
    return url


def _key(secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise WebhookError(
            "SEGUE_WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in base64, like whsec_$(openssl rand -base64 32)"
        )
    return Webhook(key)


def _words(name: str) -> str:
    """Split a class name such as ``ConnectError`` into words."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
