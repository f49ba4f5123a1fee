"""The invoices of a benchmark."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from benchmarks.compare.workload import BEGIN, DAYS, END, Message, Workload, messages
from data.contract.wire import Tick, Transaction

INVOICES = 500


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "invoices.ndjson"
    Workload(INVOICES, 50).write(written)
    return written


def transactions(file: Path) -> list[Transaction]:
    return [msgspec.json.decode(line, type=Transaction) for line in file.read_bytes().splitlines()]


def test_every_invoice_is_a_valid_transaction_whose_amount_is_the_total_of_its_lines(file: Path) -> None:
    for invoice in transactions(file):
        assert Decimal(invoice.amount) == sum(Decimal(line.price) * line.quantity for line in invoice.lines)


def test_an_invoice_has_about_one_kilobyte(file: Path) -> None:
    assert 1_000 < file.stat().st_size / INVOICES < 1_200


def test_event_time_ascends_and_covers_the_year(file: Path) -> None:
    moments = [invoice.occurred_at for invoice in transactions(file)]
    assert all(before < after for before, after in pairwise(moments))
    assert BEGIN <= moments[0] < BEGIN + timedelta(days=1)
    assert END - timedelta(days=1) < moments[-1] < END


def test_the_same_size_gives_the_same_invoices(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ndjson"
    Workload(INVOICES, 50).write(again)
    assert again.read_bytes() == file.read_bytes()


def test_customers_can_be_spread_over_a_larger_population(tmp_path: Path) -> None:
    file = tmp_path / "spread.ndjson"
    Workload(INVOICES, 50, every=100).write(file)
    assert {int(invoice.customer_id[1:]) % 100 for invoice in transactions(file)} == {0}


def test_a_log_without_ticks_has_the_lines_of_the_file(file: Path) -> None:
    assert [message.value for message in messages(file)] == file.read_bytes().splitlines()


def test_a_log_with_ticks_has_one_for_every_midnight_after_all_earlier_invoices(file: Path) -> None:
    found = list(messages(file, ticks=True))
    ticks = [message for message in found if message.customer is None]
    assert len(ticks) == DAYS
    assert [message for message in found if message.customer is not None] == list(messages(file))
    watermark = datetime.min.replace(tzinfo=UTC)
    for message in found:
        at = _moment(message)
        assert at > watermark
        watermark = at if message.customer is None else watermark
    assert watermark == END


def _moment(message: Message) -> datetime:
    if message.customer is None:
        return msgspec.json.decode(message.value, type=Tick).at
    return msgspec.json.decode(message.value, type=Transaction).occurred_at
