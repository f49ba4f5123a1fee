"""Before the first record is written, the mapping has to fit the records that are there."""

import json
from typing import Any

import pytest

from data.datasets.mapping_toml import from_toml, with_settings
from services.ingest.checking import CheckedSample, MappingError, check
from services.ingest.mapped_records import RecordReader
from tests.support.kafka_envelopes import MAPPING, debezium, plain

LINES = """
[columns]
transaction = "id"
customer = "email"
time = "created_at"
quantity = "qty"
price = "price"
"""


def checked(values: list[bytes | None], *keys: str, text: str = MAPPING) -> CheckedSample:
    mapping = with_settings(from_toml(text, "shop.toml"), keys)
    return check(RecordReader(mapping, "GBP"), mapping, values)


def order(**others: Any) -> bytes:
    return json.dumps(plain(**others)).encode()


def test_an_empty_topic_and_one_of_tombstones_fit() -> None:
    assert checked([]).notes == []
    assert checked([None, None]).notes == []


def test_records_that_fit_have_no_note() -> None:
    assert checked([order(), debezium("c", plain(id=2)), None]).notes == []


@pytest.mark.parametrize(
    ("values", "keys", "said"),
    [
        ([order(created_at="01/02/2024")], [], r"leaves open .*\(--set time.day_first=true"),
        ([order(), order(id=2, total="1,234")], [], r"leaves open .*\(--set money.decimal"),
        ([order()], ["columns.amount=sum"], "columns.amount: no record that was looked at has a field 'sum'"),
        ([order()], ["columns.country=land"], "columns.country: no record that was looked at has a field 'land'"),
        ([order(total="x")], [], "the only record can't be used: total: 'x' is not a number"),
        ([b"\0\0\0\0\1"] * 3, [], "none of 3 records can be used: .*Avro"),
        ([order(total="USD 5")] * 2, [], "not an amount in GBP"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_in_one_line(values: list[bytes], keys: list[str], said: str) -> None:
    with pytest.raises(MappingError, match=said) as raised:
        checked([*values], *keys)
    assert "\n" not in str(raised.value)


def test_lines_of_orders_are_refused() -> None:
    lines = [json.dumps(plain(qty=1, price=price)).encode() for price in (1, 2)]
    with pytest.raises(MappingError, match="one record has to be one whole order"):
        checked([*lines], text=LINES)


def test_an_order_that_comes_again_changed_is_noted() -> None:
    (note,) = checked([order(), order(total="13.00")]).notes
    assert "'1004' differ" in note


def test_some_records_that_cannot_be_used_are_noted() -> None:
    (note,) = checked([order(), order(total="x")]).notes
    assert note == "Of 2 records that were looked at, 1 can't be used, total: 'x' is not a number"
