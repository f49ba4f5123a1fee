"""What the HTTP API answers about audiences."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import Engine, make_url, text

from data.contract.wire import Tick
from data.postgres import audiences, roles
from data.postgres.audience_members import at_one_moment, ids_of, moment, parts
from models.audience import AudienceDefinition
from runtime.errors import NotFoundError
from services.api.access import Keys
from services.api.app import Api, application
from services.api.audiences import AudienceReader
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store
from tests.support.processed_stream import NOW, lived, messages
from tests.support.processed_stream import store as store_lived
from tests.support.rhythm import a_predicting_model, store_predictions

T = TypeVar("T")
DAY = datetime(2010, 11, 2, tzinfo=UTC)
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


@pytest.fixture
def past_url(postgres: Engine, migrated_url: str) -> str:
    """The same with a stream that has gone on since :data:`DAY`."""
    model = a_predicting_model()
    store_lived(postgres, model, lived(model, [*messages(), Tick(NOW)]))
    audiences.replace(postgres, "Late ones", OVERDUE)
    user = roles.make_login(postgres, roles.API, None)
    return make_url(migrated_url).set(username=user).render_as_string(hide_password=False)


@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_pages_as_of_a_past_day_are_all_who_were_in_it_then(limit: int, past_url: str, postgres: Engine) -> None:
    async def all_pages(reader: AudienceReader) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        after = ""
        while True:
            page = await reader.members("Late ones", after, limit, DAY)
            assert page.as_of == DAY
            found += [(each.customer_id, each.risk_state) for each in page.customers]
            if page.after is None:
                return found
            after = page.after

    with at_one_moment(postgres) as connection:
        then = moment(connection, DAY)
        meant = [each for part in parts(connection, OVERDUE, then) for each in part.ids()]
    found = answer(past_url, all_pages)
    assert [customer for customer, _ in found] == meant
    assert len(meant) > 5
    assert {state for _, state in found} <= {*OVERDUE.risk_states}
    assert meant != [*ids_of(postgres, "Late ones").ids]


async def asked(url: str, query: str) -> httpx.Response:
    reader = AudienceReader(url)
    others: Any = SimpleNamespace()
    app: Any = application(Api(others, reader, others, Keys(None), others, timedelta(days=1), 1.0, 1.0))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            return await client.get(f"/v1/audiences/Late%20ones/customers?{query}")
    finally:
        reader.close()


def test_a_day_is_asked_for_by_a_parameter(past_url: str) -> None:
    now, then = (asyncio.run(asked(past_url, query)).json() for query in ("limit=1000", "limit=1000&as_of=2010-11-02"))
    assert then["as_of"] == "2010-11-02T00:00:00Z"
    assert now["as_of"] == "2011-06-15T09:30:00Z"
    assert [each["customer_id"] for each in then["customers"]] != [each["customer_id"] for each in now["customers"]]


@pytest.mark.parametrize(
    ("as_of", "status", "said"),
    [
        ("soon", 400, "as_of: 'soon' is not a moment: write 2010-12-01"),
        ("", 400, "is not a moment"),
        ("2099-01-01", 404, "the stream has reached 2011-06-15 09:30 UTC of event time, and 2099-01-01"),
    ],
)
def test_a_moment_that_cannot_be_shown_is_one_line(past_url: str, as_of: str, status: int, said: str) -> None:
    found = asyncio.run(asked(past_url, f"as_of={as_of}"))
    assert found.status_code == status
    assert said in found.json()["detail"]
