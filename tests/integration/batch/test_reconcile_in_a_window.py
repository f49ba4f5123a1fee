"""Reconciliation of a stream under a model with a trailing window, which recomputes every expiry by brute force."""

from datetime import datetime

import pytest
from sqlalchemy import text

from batch.reconcile_stream import check
from data.postgres.database import engine
from models.segment_model import SegmentModel
from tests.support.postgres import new_database
from tests.support.processed_stream import Lived, lived, store
from tests.support.windowed_stream import WindowedShop, lived_in_a_window, windowed_shop


@pytest.fixture
def shop() -> WindowedShop:
    return windowed_shop()


def reconciled(server: str, shop: WindowedShop, first: SegmentModel, stream: Lived, *statements: str) -> list[str]:
    """The differences, after some statements have changed the database."""
    with new_database(server) as url:
        postgres = engine(url)
        store(postgres, first, stream, *(each for each in (shop.windowed, shop.lifetime) if each != first))
        with postgres.begin() as connection:
            for statement in statements:
                assert connection.execute(text(statement)).rowcount == 1
        postgres.dispose()
        found = check(url, shop.dataset, history=True)
        assert found.changes > 300
        rows = found.differences[["what", "field", "expected", "actual"]].astype("str").to_numpy().tolist()
        return [" ".join(row) for row in rows]


def test_a_stream_in_a_window_has_no_difference(postgres_server: str, shop: WindowedShop) -> None:
    stream = lived_in_a_window()
    causes = stream.frame("changes")["cause"].value_counts()
    assert causes["expiry"] > 100
    assert causes["decay"] > 10
    assert reconciled(postgres_server, shop, shop.windowed, stream) == []


def test_a_window_that_begins_and_ends_with_an_activation_makes_no_difference(
    postgres_server: str, shop: WindowedShop
) -> None:
    moves: list[tuple[datetime, SegmentModel]] = [(shop.first(200), shop.windowed), (shop.first(330), shop.lifetime)]
    stream = lived(shop.lifetime, shop.messages(*moves))
    changes = stream.frame("changes")
    assert (changes["cause"] == "expiry").any()
    assert set(changes["model_version"]) == {shop.windowed.version, shop.lifetime.version}
    assert reconciled(postgres_server, shop, shop.lifetime, stream) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("UPDATE segment_changes SET cause = 'decay' WHERE {expiry}", "cause expiry decay"),
        ("UPDATE segment_changes SET frequency = frequency + 1 WHERE {expiry}", "frequency"),
        ("UPDATE segment_changes SET effective_at = effective_at + interval '1 second' WHERE {expiry}", "effective_at"),
        ("UPDATE customers SET next_change_at = next_change_at + interval '1 day' WHERE {customer}", "next_change_at"),
        ("UPDATE customers SET next_segment = 'champions' WHERE {customer}", "next_segment"),
        ("UPDATE customers SET frequency = frequency + 1 WHERE {customer}", "frequency"),
    ],
)
def test_a_wrong_expiry_is_noticed(postgres_server: str, shop: WindowedShop, change: str, field: str) -> None:
    expiry = (
        "(customer_id, sequence) = (SELECT customer_id, sequence FROM segment_changes WHERE cause = 'expiry' "
        "ORDER BY customer_id, sequence LIMIT 1)"
    )
    customer = (
        "customer_id = (SELECT customer_id FROM customers WHERE next_segment = 'inactive' ORDER BY customer_id LIMIT 1)"
    )
    statement = change.format(expiry=expiry, customer=customer)
    found = reconciled(postgres_server, shop, shop.windowed, lived_in_a_window(), statement)
    assert any(field in line for line in found), found
