"""The events that the documentation shows are events of `segue demo` with synthetic data."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch.fit_dataset import fit_before
from data.contract import asyncapi
from data.contract.change_events import change_event, change_headers, segment_event, state_headers
from data.contract.change_row import ChangeRow
from data.contract.events import CustomerSegmentUpdated, SegmentChanged
from data.contract.wire import Tick, Transaction
from data.datasets import frames, synthetic
from data.datasets.dataset import Dataset
from data.datasets.selection import SYNTHETIC_SEED, default_cutoff
from models.segment_model import SegmentModel
from models.units import from_micros
from producers.records import records
from producers.replay import whole
from tests.support.documented import block
from tests.support.in_memory_worker import InMemoryPartition, Record

ROOT = Path(__file__).parents[4]
CUSTOMER, SEQUENCE = "14129", 3
LOG_ID = "5L6g3nShT-eMCtK--X86sw/segue.transactions.v1"
#: Where people read of segments to filter by: the default model has all of these.
# The table of options has a placeholder, and no segment.
FILTERS = re.compile(
    r"(?:to|from) = ([A-Z]\w+(?: [A-Z]\w+)?)|--segment (?!SEGMENT\b)(\w+)|to\.id == \"(\w+)\"|to=(\w+)"
)
PAGES = (
    "README.md",
    "docs/subscribing.md",
    "docs/webhooks.md",
    "docs/cli.md",
    "examples/reengagement/README.md",
)


@cache
def demo() -> tuple[Dataset, SegmentModel]:
    dataset = frames.clean(synthetic.generate(seed=SYNTHETIC_SEED), "synthetic")
    return dataset, fit_before(dataset, default_cutoff(dataset))


@cache
def log() -> list[Record]:
    """The customer's transactions and all ticks: other customers change nothing for this one."""
    dataset, _ = demo()
    own = [each for each in records(dataset, whole(dataset)) if each.key in (None, CUSTOMER.encode())]
    return [
        Record(offset, each.key, each.value if each.key else msgspec.json.encode(Tick(from_micros(each.due))))
        for offset, each in enumerate(own)
    ]


@cache
def change() -> ChangeRow:
    partition = InMemoryPartition(demo()[1]).run(log())
    assert partition.dead_letters == []
    [found] = [row for row in partition.changes if row.sequence == SEQUENCE]
    return found


def personas() -> dict[str, str]:
    return {segment.id: segment.name for segment in demo()[1].segments}


def without_version(event: Any) -> Any:
    """An event as an object. A fit may differ in its last digits between machines, and so may its version."""
    found = json.loads(event) if isinstance(event, bytes) else event
    data = {name: value for name, value in found["data"].items() if name != "model_version"}
    return found | {"data": data}


def example(message: str) -> dict[str, Any]:
    [found] = asyncapi.document()["components"]["messages"][message]["examples"]
    return dict(found)


@pytest.mark.slow
def test_the_change_of_the_contract_is_one_of_the_demo() -> None:
    shown = example("segmentChanged")
    assert without_version(shown["payload"]) == without_version(change_event(change(), personas()))
    assert shown["headers"] == {name: value.decode() for name, value in change_headers(change(), LOG_ID)}  # type: ignore[union-attr]
    msgspec.convert(shown["payload"], SegmentChanged)


@pytest.mark.slow
def test_the_state_of_the_contract_is_one_of_the_demo() -> None:
    shown = example("customerSegmentUpdated")
    event = segment_event(change(), personas(), snapshot=True)
    assert without_version(shown["payload"]) == without_version(event)
    assert shown["headers"] == {name: value.decode() for name, value in state_headers(change(), LOG_ID)}  # type: ignore[union-attr]
    msgspec.convert(shown["payload"], CustomerSegmentUpdated)


@pytest.mark.slow
def test_the_transaction_of_the_contract_is_one_of_the_demo() -> None:
    shown = example("transaction")["payload"]
    assert shown in [json.loads(record.value or b"") for record in log()]
    msgspec.convert(shown, Transaction)


def test_the_page_for_subscribers_shows_the_change_of_the_contract() -> None:
    shown = block("docs/subscribing.md", "specversion", "json").text
    assert json.loads(shown) == example("segmentChanged")["payload"]


def test_the_page_of_webhooks_shows_the_risk_change_of_the_contract() -> None:
    shown = block("docs/webhooks.md", "specversion", "json").text
    assert json.loads(shown) == example("riskChanged")["payload"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_filters_by_segments_of_the_demo(page: str) -> None:
    named = {name for found in FILTERS.findall((ROOT / page).read_text()) for name in found if name}
    assert named
    assert named <= {*personas(), *personas().values()}
