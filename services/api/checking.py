"""Checks posted transactions by the worker's own rules, because the worker's own decoder decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from services.api.schemas import MOST_ITEMS, NewTransaction, Refusal
from stream_app.core.decode import decode
from stream_app.core.reasons import in_words

_items = msgspec.json.Decoder(list[msgspec.Raw])
_ids = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_parse = msgspec.json.Decoder(NewTransaction).decode


class BodyError(ValueError):
    """The body of a request is not one transaction or a list of transactions."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A transaction as a record of the log."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class _Record:
    key: bytes
    value: bytes
    timestamp: int
    offset: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


def check(body: bytes, currency: str, max_ahead: timedelta, now: datetime) -> tuple[list[Encoded], list[Refusal]]:
    """The transactions of a request as records, and what is wrong with the others.

    Parameters
    ----------
    body
        JSON: a transaction, or a list of at most 5,000.
    now
        The moment of the request, against which times in the future are measured.

    Raises
    ------
    BodyError
        If the body is neither.
    """
    accepted, refused = [], []
    for index, raw in enumerate(_split(body)):
        try:
            accepted.append(_checked(raw, currency, max_ahead, now))
        except (ValueError, RecursionError, OverflowError) as error:
            refused.append(Refusal(index, _reasons(raw, error), _id_of(raw)))
    return accepted, refused


def _reasons(raw: msgspec.Raw, first: Exception) -> list[str]:
    """All fields that are missing or wrong; otherwise the reason why the worker would refuse the transaction."""
    try:
        given = _ids.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return [in_words(str(first) or "the transaction is nested too deeply")]
    found = []
    for field in msgspec.structs.fields(NewTransaction):
        if field.name not in given:
            if field.required:
                found.append(f"`{field.name}` is missing")
            continue
        try:
            msgspec.json.decode(given[field.name], type=field.type)
        except (msgspec.DecodeError, RecursionError) as error:
            found.append(f"`{field.name}`: {in_words(str(error) or 'it is nested too deeply')}")
    return found or [in_words(str(first))]


def _split(body: bytes) -> list[msgspec.Raw]:
    if body.lstrip()[:1] != b"[":
        return [msgspec.Raw(body)]
    try:
        items = _items.decode(body)
    except msgspec.DecodeError as error:
        raise BodyError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    if not items:
        raise BodyError("the list is empty")
    if len(items) > MOST_ITEMS:
        raise BodyError(f"a request takes {MOST_ITEMS:,} transactions at most, not {len(items):,}")
    return items


def _checked(raw: msgspec.Raw, currency: str, max_ahead: timedelta, now: datetime) -> Encoded:
    transaction = _parse(raw)
    encoded = Encoded(transaction.customer_id.encode(), _encode(transaction))
    record = _Record(encoded.key, encoded.value, int(now.timestamp() * 1_000))
    batch = decode([record], currency, max_ahead)[0]
    if batch.dead_letters:
        raise ValueError(batch.dead_letters[0].reason)
    return encoded


def _id_of(raw: msgspec.Raw) -> str | msgspec.UnsetType:
    try:
        found = msgspec.json.decode(_ids.decode(raw)["transaction_id"])
    except (msgspec.DecodeError, KeyError, RecursionError):
        return msgspec.UNSET
    return found if isinstance(found, str) else msgspec.UNSET
