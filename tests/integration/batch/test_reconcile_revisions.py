"""`segue reconcile` of a file some of whose orders were edited or cancelled since: the last revision counts."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, text

from batch.fit import fit
from batch.profiles import profiles_as_of
from batch.reconcile_stream import check
from data.contract.wire import Tick, Transaction
from data.datasets import synthetic
from data.datasets.dataset import Dataset
from data.datasets.load import load
from tests.support.in_memory_worker import Message
from tests.support.processed_stream import lived, store


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    file: Path = tmp_path_factory.mktemp("shop") / "shop.csv"
    synthetic.write(synthetic.generate(customers=60, days=300, seed=4), file)
    return load(file)


def edited(dataset: Dataset) -> Iterator[Message]:
    """The dataset; every ninth order is edited, moved or cancelled later, and at least one customer has none left."""
    waiting: list[Transaction] = []
    only = ""
    for number, transaction in enumerate(dataset.wire_transactions()):
        only = only or transaction.customer_id
        yield transaction
        if number % 9 == 0:
            day = timedelta(days=number % 5 - 3)
            kind = "cancelled" if number % 2 else transaction.kind
            changed = {"revision": 1, "kind": kind, "amount": "77.5", "occurred_at": transaction.occurred_at + day}
            waiting.append(msgspec.structs.replace(transaction, **changed))
        if number % 11 == 0 and waiting:
            yield waiting.pop(0)
        if number % 20 == 0:
            yield Tick(transaction.occurred_at)
    yield from waiting
    for transaction in dataset.wire_transactions():
        if transaction.customer_id == only:
            yield msgspec.structs.replace(transaction, revision=2, kind="cancelled")
    yield Tick(dataset.report.last + timedelta(days=4))


def test_a_revised_stream_reconciles_with_the_file_it_came_from(dataset: Dataset, postgres: Engine) -> None:
    model = fit(profiles_as_of(dataset.transactions, dataset.report.last), k=5).model
    store(postgres, model, lived(model, list(edited(dataset))))
    url = postgres.url.set(drivername="postgresql").render_as_string(hide_password=False)
    found = check(url, dataset, history=True)
    assert found.differences.empty, found.differences.to_string()
    assert found.revised >= 20
    assert found.history is not None
    assert 0 < len(found.history.not_comparable) < len(dataset.transactions["customer_id"].unique())
    with postgres.begin() as connection:
        gone = connection.execute(text("SELECT customer_id, segment FROM customers WHERE frequency = 0")).all()
        assert gone
        assert all(row.segment is not None for row in gone)
        victim = (
            "(SELECT customer_id FROM transactions JOIN customers USING (customer_id) "
            "WHERE revision > 0 AND frequency > 1 ORDER BY 1 LIMIT 1)"
        )
        connection.execute(text(f"UPDATE customers SET gross = gross + 1 WHERE customer_id = {victim}"))
    assert set(check(url, dataset).differences["field"]) >= {"gross_units"}
