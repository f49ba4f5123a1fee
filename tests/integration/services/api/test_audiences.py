"""What the HTTP API answers about audiences."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import Engine, make_url, text

from data.postgres import audiences, roles
from data.postgres.audience_members import ids_of
from models.audience import AudienceDefinition
from runtime.errors import NotFoundError
from services.api.audiences import AudienceReader
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store
from tests.support.rhythm import store_predictions

T = TypeVar("T")
OVERDUE = AudienceDefinition(risk_states=("overdue", "presumed_lost"))


@pytest.fixture
def url(postgres: Engine, migrated_url: str) -> str:
    """The API's database, as its own user; it holds a stream and an audience."""
    store(postgres, a_model(), a_stream(a_model()))
    store_predictions(postgres)
    audiences.replace(postgres, "Late ones", OVERDUE)
    user = roles.make_login(postgres, roles.API, None)
    return make_url(migrated_url).set(username=user).render_as_string(hide_password=False)


def answer(url: str, ask: Callable[[AudienceReader], Awaitable[T]]) -> T:
    async def asking() -> T:
        reader = AudienceReader(url)
        try:
            return await ask(reader)
        finally:
            reader.close()

    return asyncio.run(asking())


def test_an_audience_is_its_definition_a_count_and_the_moment(url: str, postgres: Engine) -> None:
    found = answer(url, lambda reader: reader.summary("Late ones"))
    assert (found.name, found.definition) == ("Late ones", "risk = overdue, presumed_lost")
    assert (found.customers, found.as_of) == (len(ids_of(postgres, "Late ones").ids), EVENT_TIME)
    assert answer(url, lambda reader: reader.names()).audiences == ["Late ones"]


@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_pages_of_any_size_are_all_members_once(limit: int, url: str, postgres: Engine) -> None:
    async def all_pages(reader: AudienceReader) -> list[str]:
        ids, after = [], ""
        while True:
            page = await reader.members("Late ones", after, limit)
            ids += [each.customer_id for each in page.customers]
            if page.after is None:
                return ids
            assert len(page.customers) == limit
            after = page.after

    assert answer(url, all_pages) == [*ids_of(postgres, "Late ones").ids]


def test_a_member_has_both_segments_and_the_numbers(url: str, postgres: Engine) -> None:
    [member] = answer(url, lambda reader: reader.members("Late ones", "", 1)).customers
    with postgres.connect() as connection:
        row = connection.execute(
            text("SELECT * FROM customers WHERE customer_id = :id"), {"id": member.customer_id}
        ).one()
    assert (member.segment.id, member.since, member.frequency) == (row.segment, row.segment_since, row.frequency)
    assert member.net_spend == f"{row.gross - row.returned:.2f}"
    assert member.risk_state in OVERDUE.risk_states


def test_what_is_not_there_is_said(url: str) -> None:
    for name in ("Nobody", "\0", ""):
        with pytest.raises(NotFoundError, match="there is no audience"):
            answer(url, lambda reader, name=name: reader.summary(name))  # type: ignore[misc]
    assert answer(url, lambda reader: reader.members("Late ones", "\0", 5)).customers == []


def test_a_count_is_given_again_for_some_seconds(url: str, postgres: Engine) -> None:
    async def twice(reader: AudienceReader) -> tuple[int, int]:
        first = await reader.summary("Late ones")
        with postgres.begin() as connection:
            connection.execute(text("UPDATE customers SET segment = NULL"))
        return first.customers, (await reader.summary("Late ones")).customers

    first, second = answer(url, twice)
    assert first == second > 0
