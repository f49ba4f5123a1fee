"""What the HTTP API reads: a stream without a model, customers who are not known, and the currency of the stream."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import Engine

from data.contract.wire import Erasure
from data.postgres import currency
from services.api.currency_check import CurrencyCheck
from services.api.reading import CustomerReader
from stream_app.core.apply import apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import tick, transaction
from tests.support.in_memory_worker import Message, logs

T = TypeVar("T")


async def _collect(url: str, messages: list[Message]) -> None:
    """Apply messages in a stream without a model."""
    store = await PartitionStore.connect(url, 0)
    try:
        progress = await store.begin(await store.claim("log", "me"))
        await store.load_forgotten()
        for batch in decode(logs(messages, 1)[0], "GBP"):
            stored = await store.load(batch, None, progress.watermark, 1_000)
            step = apply_batch(batch, stored, None, progress, lambda _: 0)
            progress = await store.save(batch, step, change_rows(batch, step, progress), progress, 0)
    finally:
        await store.close()


def answer(url: str, ask: Callable[[CustomerReader], Awaitable[T]]) -> T:
    async def asking() -> T:
        reader = CustomerReader(url)
        try:
            return await ask(reader)
        finally:
            await reader.close()

    return asyncio.run(asking())


def test_a_customer_of_a_stream_without_a_model_has_no_segment(migrated_url: str) -> None:
    asyncio.run(_collect(migrated_url, [transaction(1, 0), transaction(2, 3, "return", "2.5"), tick(30)]))
    found = answer(migrated_url, lambda reader: reader.customer("c"))
    assert found is not None
    assert (found.segment, found.model_version, found.next_change, found.why) == (None, None, None, None)
    assert (found.frequency, found.gross, found.monetary, found.recency_days) == (1, "10.00", "7.50", 30)
    changes = answer(migrated_url, lambda reader: reader.changes("c", 0, 10))
    assert changes is not None
    assert changes.changes == []
    members = answer(migrated_url, lambda reader: reader.members(None, "", 10))
    assert [each.segment for each in members.customers] == [None]
    assert answer(migrated_url, lambda reader: reader.segments()) is None


def test_a_forgotten_customer_is_not_known(migrated_url: str) -> None:
    asyncio.run(_collect(migrated_url, [transaction(1, 0), transaction(2, 1, customer="d"), Erasure("c")]))
    assert answer(migrated_url, lambda reader: reader.customer("c")) is None
    assert answer(migrated_url, lambda reader: reader.changes("c", 0, 10)) is None
    assert answer(migrated_url, lambda reader: reader.customer("d")) is not None


@pytest.mark.parametrize(("stored", "expected"), [(None, None), ("GBP", None), ("EUR", "set the currency to EUR")])
def test_amounts_are_accepted_only_in_the_currency_of_the_stream(
    postgres: Engine, migrated_url: str, stored: str | None, expected: str | None
) -> None:
    if stored is not None:
        currency.keep(postgres, stored)
    trouble = answer(migrated_url, lambda reader: CurrencyCheck(reader.row, "GBP").trouble())
    assert trouble is None if expected is None else expected in str(trouble)


def test_no_customer_has_an_id_with_a_nul(migrated_url: str) -> None:
    assert answer(migrated_url, lambda reader: reader.customer("c\0")) is None
    assert answer(migrated_url, lambda reader: reader.changes("c\0", 0, 10)) is None
    assert answer(migrated_url, lambda reader: reader.members("\0", "", 10)).customers == []
    assert answer(migrated_url, lambda reader: reader.members(None, "c\0", 10)).customers == []
