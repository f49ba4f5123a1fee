"""What a record with a revision says: the edited order, or that the order is gone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.contract.wire import Transaction
from data.datasets.mapping_toml import from_toml, with_settings
from services.ingest.json_values import Number
from services.ingest.mapped_records import RecordReader
from services.ingest.outcomes import AcceptedRecord, Passed, RecordOutcome, Rejected
from services.ingest.revisions import revision_of
from tests.support.builders import recency_model
from tests.support.in_memory_worker import InMemoryPartition, run
from tests.support.kafka_envelopes import debezium

TEXT = """
[columns]
transaction = "id"
customer = "email"
time = "created_at"
amount = "total"
status = "status"
[not_sales]
statuses = ["cancelled", "pending"]
transaction_prefixes = ["test"]
customers = ["till@example.org"]
[records]
revision = "version"
"""
REFUND = TEXT.replace("[columns]", '[columns]\nrefund = "refund"')


def reader(*keys: str, text: str = TEXT) -> RecordReader:
    return RecordReader(with_settings(from_toml(text, "shop.toml"), keys), "GBP")


def order(**others: Any) -> dict[str, Any]:
    made = {"id": "o1", "email": "ann@example.org", "created_at": "2024-05-01 12:00", "total": "12.50"}
    return made | {"status": "paid", "version": 1} | others


def plain(**others: Any) -> bytes:
    return json.dumps(order(**others)).encode()


def read(outcome: RecordOutcome) -> list[tuple[str, str, str, str, int]]:
    assert isinstance(outcome, AcceptedRecord), outcome
    return [
        (sold.customer_id, sold.transaction_id, sold.kind, sold.amount, sold.revision) for sold in outcome.transactions
    ]


ANN = ("ann@example.org", "o1")


@pytest.mark.parametrize(
    ("value", "revision"),
    [
        (Number("3"), 3),
        ("3", 3),
        (None, 0),
        ("", 0),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01 00:00:01.000002", 1_000_002),
        ("1970-01-01T01:00:01+01:00", 1_000_000),
        (Number("1714564800123456"), 1_714_564_800_123_456),
    ],
)
def test_a_revision_is_a_number_or_the_time_of_an_edit(value: Any, revision: int) -> None:
    assert revision_of(value) == revision


@pytest.mark.parametrize(
    "value", [Number("1.5"), Number("-1"), Number("1e3"), "v3", "01/02/2024", Number("9" * 19), True]
)
def test_what_is_no_revision_is_refused_with_the_field_and_a_reason(value: Any) -> None:
    with pytest.raises(ValueError, match="is not"):
        revision_of(value)
    text = str(value) if isinstance(value, Number) else json.dumps(value)
    outcome = reader().read(plain(version=0).replace(b'"version": 0', f'"version": {text}'.encode()))
    assert isinstance(outcome, Rejected)
    assert outcome.reason.startswith("version: ")


def test_a_later_record_of_an_order_is_its_revision() -> None:
    assert read(reader().read(plain())) == [(*ANN, "sale", "12.50", 1)]
    assert read(reader().read(plain(total="9", version=2))) == [(*ANN, "sale", "9.00", 2)]


def test_the_field_is_found_in_the_spelling_of_the_record_and_in_an_object() -> None:
    assert read(reader("records.revision=Meta Version").read(plain(meta={"version": 7}))) == [
        (*ANN, "sale", "12.50", 7)
    ]


def test_a_record_without_the_field_is_rejected_unless_records_leave_blanks_out() -> None:
    assert reader("records.revision=edit").read(plain()) == Rejected(
        "the record has no field 'edit' (records.revision)"
    )
    keys = ("records.revision=edit", "records.omits_blank=true")
    assert read(reader(*keys).read(plain())) == [(*ANN, "sale", "12.50", 0)]


def test_an_order_that_is_no_sale_any_more_is_cancelled() -> None:
    gone = [(*ANN, "cancelled", "0.00", 2)]
    assert read(reader().read(plain(status="cancelled", version=2))) == gone
    assert read(reader().read(debezium("r", order(status="cancelled", version=2)))) == gone
    assert read(reader().read(debezium("u", order(status="cancelled", version=2)))) == gone
    assert read(reader().read(debezium("u", order(status="cancelled", version=2), order()))) == gone


@pytest.mark.parametrize(
    "value",
    [
        debezium("c", order(status="pending")),
        debezium("u", order(status="cancelled"), order(status="pending")),
        plain(id="test-1", status="cancelled"),
        plain(email="Till@example.org"),
    ],
)
def test_an_order_that_never_was_a_sale_is_passed_over(value: bytes) -> None:
    assert reader().read(value) == Passed("not a sale")


def test_an_order_that_passes_to_another_customer_or_number_is_cancelled_for_the_first() -> None:
    eve = debezium("u", order(email="eve@example.org", version=2), order())
    assert read(reader().read(eve)) == [("eve@example.org", "o1", "sale", "12.50", 2), (*ANN, "cancelled", "0", 2)]
    nobody = debezium("u", order(email=None, version=2), order())
    assert read(reader().read(nobody)) == [(*ANN, "cancelled", "0", 2)]


def test_an_order_that_loses_its_customer_without_saying_which_is_a_dead_letter() -> None:
    outcome = reader().read(debezium("u", order(email=None, version=2)))
    assert isinstance(outcome, Rejected)
    assert "has no customer, but it may have been a transaction before" in outcome.reason


def test_a_refund_that_is_taken_back_is_cancelled() -> None:
    edited, back = reader(text=REFUND), (ANN[0], "o1-refund")
    assert read(edited.read(plain(refund="2"))) == [(*ANN, "sale", "12.50", 1), (*back, "return", "2.00", 1)]
    assert read(edited.read(plain(refund=None, version=2)))[1:] == [(*back, "cancelled", "0.00", 2)]
    assert read(edited.read(plain(status="cancelled", refund="2", version=2)))[1:] == [(*back, "cancelled", "0.00", 2)]
    assert len(read(edited.read(debezium("c", order(refund=None))))) == 1, "nothing was there before"


EDITS = st.lists(
    st.fixed_dictionaries(
        {
            "total": st.sampled_from(["5", "12.50", "90"]),
            "status": st.sampled_from(["paid", "cancelled"]),
            "refund": st.sampled_from([None, "2"]),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(EDITS, st.randoms(use_true_random=False), st.booleans())
def test_edits_in_any_order_and_repeated_end_as_the_last_one_alone(
    edits: list[dict[str, Any]], dice: Any, change: bool
) -> None:
    orders = [order(**edit, version=number) for number, edit in enumerate(edits, 1)]
    values = [
        debezium("u" if number else "r", each, orders[number - 1] if number else None) if change else plain(**each)
        for number, each in enumerate(orders)
    ]
    sent = values + dice.sample(values, len(values) // 2)
    dice.shuffle(sent)
    assert totals(sent) == totals(values[-1:])


def totals(values: list[bytes]) -> tuple[int, int, int]:
    (world,) = run(recency_model(), [sold for value in values for sold in accepted(value)])
    assert not world.dead_letters
    return counted(world)


def accepted(value: bytes) -> list[Transaction]:
    outcome = reader(text=REFUND).read(value)
    return outcome.transactions if isinstance(outcome, AcceptedRecord) else []


def counted(world: InMemoryPartition) -> tuple[int, int, int]:
    profile = world.profiles.get("ann@example.org", {"frequency": 0, "gross": 0, "returned": 0})
    return profile["frequency"], profile["gross"], profile["returned"]
