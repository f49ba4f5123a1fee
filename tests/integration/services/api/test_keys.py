"""API keys: scopes, hashes, and revoking."""

import asyncio

import pytest
from sqlalchemy import Engine, select

from data.postgres import api_keys
from data.postgres.api_keys import ApiKey
from data.postgres.tables import api_keys as table
from runtime.errors import Hint, NotFoundError
from services.api.access import Keys
from services.api.reading import CustomerReader


def found(migrated_url: str, key: str) -> ApiKey | None:
    async def look() -> ApiKey | None:
        reader = CustomerReader(migrated_url)
        try:
            return await Keys(reader.row).of(f"Bearer {key}", None)
        finally:
            await reader.close()

    return asyncio.run(look())


def test_a_key_has_its_scopes_and_only_its_hash_is_stored(postgres: Engine, migrated_url: str) -> None:
    key = api_keys.create(postgres, "till", ["write"])
    known = found(migrated_url, key)
    assert known is not None
    assert (known.name, known.scopes) == ("till", frozenset({"write"}))
    with postgres.connect() as connection:
        stored = connection.execute(select(table)).one()
    assert key.encode() not in stored.hash
    assert key.rpartition("_")[2] not in str(stored)


def test_a_revoked_key_is_not_valid(postgres: Engine, migrated_url: str) -> None:
    key = api_keys.create(postgres, "till", ["read"])
    (listed,) = api_keys.listed(postgres)
    revoked = api_keys.revoke(postgres, listed.key_id)
    assert found(migrated_url, key) is None
    assert api_keys.revoke(postgres, listed.key_id) == revoked, "a second time changes nothing"


def test_a_changed_or_invented_key_is_not_valid(postgres: Engine, migrated_url: str) -> None:
    key = api_keys.create(postgres, "till", ["read"])
    for wrong in (key[:-1], key + "x", key.upper(), "segue_", "segue_x_", "", "segue_' OR 1=1 --_x", key.split("_")[1]):
        assert found(migrated_url, wrong) is None, wrong


def test_revoking_an_unknown_key_says_so(postgres: Engine) -> None:
    with pytest.raises(NotFoundError, match="there is no key nope") as raised:
        api_keys.revoke(postgres, "nope")
    assert raised.value.hint is Hint.LIST_KEYS
