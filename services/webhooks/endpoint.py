"""The receiver: one signed HTTP request per change, and what its answer means.

A request is a CloudEvent in structured mode, signed as Standard Webhooks have it (HMAC-SHA256 over id, timestamp and
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
from services.webhooks.schedule import Accepted, Delivery, Failed, Outcome, Refused

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
# What stands before a receiver, or one that has too much to do, says these of itself and of no change.
_AWAY = {
    *(httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS),
    *(httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT),
}
#: Answers that may be different another time; so may any from 500 on.
_AGAIN = {*_AWAY, httpx.codes.CONFLICT}
_LONGEST_REST = 24 * 3600.0
_SHORTEST_REST = 1.0
# Of an answer's body: so much is read, so much is told.
_READ_BYTES = 65_536
_TOLD_LENGTH = 200
# A full stop parts id, timestamp and body in what is signed, so none may be in the id. Otherwise as CloudEvents encode
# what they put into HTTP headers.
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).translate(str.maketrans("", "", '"%.'))


class WebhookError(ValueError):
    """A webhook is not set up as it should be; the message says what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to, and signed with which keys. Shown as text it tells neither; ``str`` gives the host."""

    url: httpx.URL = field(repr=False)
    keys: tuple[Webhook, ...] = field(repr=False)

    @classmethod
    def of(cls, url: str | None, secret: str | None) -> Self:
        """From settings.

        Raises
        ------
        WebhookError
            If something is missing or not right.
        """
        if not url:
            raise WebhookError("webhooks are off: set SEGUE_WEBHOOK_URL and SEGUE_WEBHOOK_SECRET")
        if not secret:
            raise WebhookError(
                "webhooks are signed: set SEGUE_WEBHOOK_SECRET, for example to whsec_$(openssl rand -base64 32)"
            )
        return cls(_url(url), tuple(map(_key, secret.split())))

    def headers(self, delivery: Delivery, now: datetime) -> dict[str, str]:
        """Id, timestamp and signatures; the id is that of the CloudEvent, the same in every attempt."""
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


class Sender:
    """Makes requests, and never raises for what a receiver does."""

    def __init__(self, endpoint: Endpoint, client: httpx.AsyncClient, timeout: float) -> None:
        self._endpoint = endpoint
        self._client = client
        self._timeout = timeout

    async def __call__(self, delivery: Delivery, now: datetime) -> Outcome:
        """One attempt, of ``timeout`` seconds at most."""
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
            return Failed(f"no answer within {self._timeout:g} s", away=True)
        except httpx.HTTPError as error:
            return Failed(f"{_words(type(error).__name__)}{f' ({error})' if str(error) else ''}", away=True)
        return meaning(response.status_code, response.headers, body, now)


def meaning(status: int, headers: Mapping[str, str], body: str, now: datetime) -> Outcome:
    """What an answer means: 2xx is taken, 408, 409, 425, 429 and 5xx may work another time, anything else never."""
    if httpx.codes.is_success(status):
        return Accepted()
    reason = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
    if httpx.codes.is_redirect(status):
        return Refused(f"{reason}: redirects are not followed; SEGUE_WEBHOOK_URL must be where it leads")
    told = " ".join(body.split())
    if told:
        reason += f": {told[:_TOLD_LENGTH]}{'…' if len(told) > _TOLD_LENGTH else ''}"
    if status in _AGAIN or httpx.codes.is_server_error(status):
        return Failed(reason, _rest(headers.get("retry-after"), now), away=status in _AWAY)
    return Refused(reason)


def client(concurrency: int, timeout: float) -> httpx.AsyncClient:
    """A client that keeps as many connections as there are requests at a time, and follows nobody anywhere."""
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    # Bodies come as they are: what is compressed may be huge.
    headers = {"user-agent": "segue-webhooks", "accept-encoding": "identity"}
    return httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False, headers=headers)


async def _beginning(response: httpx.Response) -> str:
    """The first part of a body, as text; what comes after it is not read."""
    body = b""
    async for part in response.aiter_raw(4_096):
        body += part
        if len(body) > _READ_BYTES:
            break
    text = body[:_READ_BYTES].decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _rest(retry_after: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date."""
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
    # `not >` instead of `<`: not a number is less than nothing.
    return _SHORTEST_REST if not seconds > _SHORTEST_REST else min(seconds, _LONGEST_REST)


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise WebhookError(f"SEGUE_WEBHOOK_URL is not a URL ({error})") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise WebhookError("SEGUE_WEBHOOK_URL must begin with https:// or http:// and name a host")
    if url.userinfo:
        raise WebhookError("SEGUE_WEBHOOK_URL holds a user; the signature says who sends, so leave it out")
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
    """``ConnectError`` as people say it."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
