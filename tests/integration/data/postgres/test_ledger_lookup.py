"""The ledger says which transactions have come, and with which content."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Engine, insert

from data.postgres.ledger_lookup import Known, has_after, is_empty, known
from data.postgres.tables import transactions
from models.units import to_micros

MOMENT = datetime(2010, 3, 1, 12, 30, 15, 7, tzinfo=UTC)


def _add(postgres: Engine, customer: str, identity: str) -> None:
    row = {"occurred_at": MOMENT, "kind": "sale", "amount": Decimal("12.3456"), "country": "France"}
    with postgres.begin() as connection:
        connection.execute(insert(transactions), [row | {"customer_id": customer, "transaction_id": identity}])


def test_a_transaction_is_known_by_customer_and_id(postgres: Engine) -> None:
    _add(postgres, "c", "T1")
    _add(postgres, "d", "T2")
    with postgres.connect() as connection:
        found = known(connection, ["x", "d", "c", "c"], ["T1", "T2", "T2", "T1"])
    assert found == dict.fromkeys((1, 3), Known(to_micros(MOMENT), "sale", 123_456))


def test_an_id_with_any_character_is_found(postgres: Engine) -> None:
    ids = ['a,"b"{}', "NULL", "\\", "ü'; --", "a b"]
    for each in ids:
        _add(postgres, each, each)
    with postgres.connect() as connection:
        assert sorted(known(connection, ids, ids)) == list(range(len(ids)))


def test_an_empty_ledger_knows_nothing(postgres: Engine) -> None:
    with postgres.connect() as connection:
        assert is_empty(connection)
        assert known(connection, ["c"], ["T1"]) == {}
        assert not has_after(connection, datetime(1970, 1, 1, tzinfo=UTC))
    _add(postgres, "c", "T1")
    with postgres.connect() as connection:
        assert not is_empty(connection)
        assert has_after(connection, MOMENT.replace(microsecond=6))
        assert not has_after(connection, MOMENT)
