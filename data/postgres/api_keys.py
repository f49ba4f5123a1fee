"""API keys: who may read and write over HTTP. Only a hash of each key is stored."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import Engine, Row, Select, func, insert, select, update

from data.postgres.tables import api_keys
from runtime.errors import Hint, NotFoundError

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_PREFIX = "segue_"


class ApiKey(NamedTuple):
    """A key that is not revoked: its id, its name, and what it allows."""

    key_id: str
    name: str
    scopes: frozenset[str]


def create(postgres: Engine, name: str, scopes: Sequence[Scope]) -> str:
    """Create a key, and return its only copy: ``segue_ID_SECRET``."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = f"{_PREFIX}{key_id}_{secret}"
    row = {"key_id": key_id, "name": name, "scopes": sorted(set(scopes)), "hash": _hash(key)}
    with postgres.begin() as connection:
        connection.execute(insert(api_keys).values(row))
    return key


def id_of(key: str) -> str:
    """The id in a key, which is no secret."""
    return key.removeprefix(_PREFIX).partition("_")[0]


def revoke(postgres: Engine, key_id: str) -> datetime:
    """Revoke a key, and return when it was revoked.

    Raises
    ------
    NotFoundError
        If there is no such key.
    """
    revoked = func.coalesce(api_keys.c.revoked_at, func.now())
    change = update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at=revoked)
    with postgres.begin() as connection:
        found: datetime | None = connection.execute(change.returning(api_keys.c.revoked_at)).scalar_one_or_none()
    if found is None:
        raise NotFoundError(f"there is no key {key_id}", Hint.LIST_KEYS)
    return found


def listed(postgres: Engine) -> Sequence[Any]:
    """All keys without their hashes, the oldest first."""
    columns = api_keys.c
    query = select(columns.key_id, columns.name, columns.scopes, columns.created_at, columns.revoked_at)
    with postgres.connect() as connection:
        return connection.execute(query.order_by(columns.created_at, columns.key_id)).all()


def stored_key(key: str) -> Select[Any] | None:
    """The query of the row that a key belongs to if it is valid; None if it is not a key at all."""
    secret = key.removeprefix(_PREFIX).partition("_")[2]
    if not key.startswith(_PREFIX) or not secret:
        return None
    return select(api_keys).where(api_keys.c.key_id == id_of(key), api_keys.c.revoked_at.is_(None))


def verified(key: str, row: Row[Any] | None) -> ApiKey | None:
    """The key if the stored row is its own, else None."""
    if row is None or not hmac.compare_digest(row.hash, _hash(key)):
        return None
    return ApiKey(row.key_id, row.name, frozenset(row.scopes))


def _hash(key: str) -> bytes:
    # A key has 256 random bits, so a fast hash without a salt is enough.
    return hashlib.sha256(key.encode()).digest()
