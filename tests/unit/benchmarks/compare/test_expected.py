"""The independent computation: by hand on a few invoices, and against the code of the contenders on many."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.compare.expected import Change, Customer, expected
from benchmarks.compare.model import the_model
from benchmarks.compare.programs.profiles import Invoice, Profiles
from benchmarks.compare.workload import END, Workload
from models.scoring import assign
from models.segment_model import Segment, build
from models.units import MICROS_PER_DAY, to_micros

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
BY_RECENCY = build(
    "net",
    "log1p",
    (0.0, 0.0, 0.0),
    (1.0, 1e9, 1e9),
    (
        Segment("fresh", "Fresh", "", "#000000", "", (0.0, 0.0, 0.0)),
        # The border is where the logarithm of recency + 1 is 0.5: the first whole day past it is the first one.
        Segment("stale", "Stale", "", "#000001", "", (1.0, 0.0, 0.0)),
    ),
)


def written(file: Path, *invoices: tuple[str, str, datetime, str, str]) -> Path:
    names = ("transaction_id", "customer_id", "occurred_at", "kind", "amount")
    values = [msgspec.json.encode(dict(zip(names, invoice, strict=True))) for invoice in invoices]
    file.write_bytes(b"\n".join(values) + b"\n")
    return file


@pytest.fixture
def two_sales(tmp_path: Path) -> Path:
    later = AT + timedelta(days=10)
    return written(tmp_path / "two.ndjson", ("1", "ann", AT, "sale", "10.00"), ("2", "ann", later, "sale", "2.50"))


def test_without_decay_only_invoices_move_a_customer(two_sales: Path) -> None:
    found = expected(two_sales, BY_RECENCY, decay=False)
    assert found.changes == {Change("ann", 1, None, "fresh", to_micros(AT), 1, "1")}
    assert found.customers == {"ann": Customer(2, 125_000, 0, "fresh", 1)}


def test_decay_happens_on_the_first_whole_day_past_the_border(two_sales: Path) -> None:
    found = expected(two_sales, BY_RECENCY, decay=True)
    stale, back = to_micros(AT) + MICROS_PER_DAY, to_micros(AT) + 10 * MICROS_PER_DAY
    assert found.changes == {
        Change("ann", 1, None, "fresh", to_micros(AT), 1, "1"),
        Change("ann", 2, "fresh", "stale", stale, 1, None),
        Change("ann", 3, "stale", "fresh", back, 2, "2"),
    }


@pytest.mark.parametrize(("days", "segment"), [(10.9, "fresh"), (11, "stale")])
def test_after_the_last_invoice_time_counts_up_to_the_last_tick(two_sales: Path, days: float, segment: str) -> None:
    until = to_micros(AT + timedelta(days=days))
    assert expected(two_sales, BY_RECENCY, decay=True, until=until).customers["ann"].segment == segment


def test_a_return_before_any_sale_gives_no_segment(tmp_path: Path) -> None:
    file = written(tmp_path / "return.ndjson", ("1", "bob", AT, "return", "3.00"))
    found = expected(file, BY_RECENCY, decay=True)
    assert (found.customers, found.changes) == ({"bob": Customer(0, 0, 30_000, None, 0)}, frozenset())


def test_the_hand_written_loop_reaches_the_result_without_decay(tmp_path: Path) -> None:
    file = tmp_path / "invoices.ndjson"
    Workload(3_000, 300).write(file)
    invoices = [msgspec.json.decode(line, type=Invoice) for line in file.read_bytes().splitlines()]
    profiles = Profiles(the_model(), {})
    changes = [change for start in range(0, 3_000, 700) for change in profiles.apply(invoices[start : start + 700])[1]]
    found = expected(file, the_model(), decay=False)
    assert {Change(*change) for change in changes} == found.changes
    for name, profile in profiles.customers.items():
        assert found.customers[name] == Customer(
            profile.frequency, profile.gross, profile.returned, profile.segment, profile.sequence
        )


def test_the_workload_moves_customers_through_all_segments(tmp_path: Path) -> None:
    file = tmp_path / "invoices.ndjson"
    Workload(2_000, 200).write(file)
    found = expected(file, the_model(), decay=True, until=to_micros(END))
    assert len(Counter(change.to_segment for change in found.changes)) == len(the_model().segments)


def test_the_typical_customer_of_a_persona_is_in_its_segment() -> None:
    found = assign(the_model(), np.array([12, 220]), np.array([14, 1]), np.array([1_400.0, 60.0])).tolist()
    assert [the_model().segments[number].id for number in found] == ["champions", "lost"]
