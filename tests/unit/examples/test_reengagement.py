"""The example service keeps the same list for every order of the records of both topics, and with repeats."""

import importlib.util
import json
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[3] / "examples" / "reengagement" / "reengagement.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reengagement", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reengagement"] = module
    spec.loader.exec_module(module)
    return module


service = _load()
CHOICE = service.Choice("at_risk", Decimal(1000))
Move = tuple[str, str]


def change(customer: str, sequence: int, move: Move) -> bytes:
    segment, spent = move
    data = {
        "customer_id": customer,
        "sequence": sequence,
        "to": {"id": segment, "persona": "Any"},
        "effective_at": f"2010-01-{sequence:02}T00:00:00Z",
        "monetary": spent,
    }
    return json.dumps({"type": "segue.segment.changed.v1", "data": data, "new": "field"}).encode()


def state(customer: str, sequence: int, move: Move, **more: Any) -> bytes:
    segment, spent = move
    data = {
        "customer_id": customer,
        "sequence": sequence,
        "segment": {"id": segment, "persona": "Any"},
        "since": f"2010-01-{sequence:02}T00:00:00Z",
        "monetary": spent,
    }
    return json.dumps({"type": "segue.customer.segment.v1", "data": data} | more).encode()


def listed(file: Path | str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(file, uri=True) as sqlite:
        return sqlite.execute("select * from reengagement order by customer_id").fetchall()


_moves = st.lists(
    st.tuples(st.sampled_from(["at_risk", "lost", "loyal"]), st.sampled_from(["999.99", "1000.00", "1000.001"])),
    min_size=1,
    max_size=5,
)


@st.composite
def _deliveries(draw: st.DrawFn) -> tuple[dict[str, list[Move]], list[bytes]]:
    """Histories, and the records that reach us: some changes, states that end with the last one, interleaved anyhow.

    Changes may begin late and either topic may repeat a stretch, as it does after a crash.
    """
    histories = {f"C{number}": draw(_moves) for number in range(draw(st.integers(1, 3)))}
    streams = []
    for customer, moves in histories.items():
        numbered = list(enumerate(moves, start=1))
        first = draw(st.integers(0, len(moves)))
        states = [entry for entry in numbered[:-1] if draw(st.booleans())] + numbered[-1:]
        for make, entries in ((change, numbered[first:]), (state, states)):
            again = draw(st.integers(0, len(entries)))
            streams.append([make(customer, *entry) for entry in entries + entries[again:]])
    delivered = []
    while any(streams):
        delivered.append(draw(st.sampled_from([stream for stream in streams if stream])).pop(0))
    return histories, delivered


@given(_deliveries())
def test_any_interleaving_of_the_topics_gives_the_same_list(
    deliveries: tuple[dict[str, list[Move]], list[bytes]],
) -> None:
    histories, delivered = deliveries
    store = service.Store(":memory:", CHOICE)
    store.save([service.read(record) for record in delivered], {})
    expected = [
        (customer, f"2010-01-{len(moves):02}T00:00:00Z", moves[-1][1], len(moves))
        for customer, moves in sorted(histories.items())
        if moves[-1][0] == "at_risk" and Decimal(moves[-1][1]) > 1000
    ]
    assert store._sqlite.execute("select * from reengagement order by customer_id").fetchall() == expected


def test_only_a_snapshot_repairs_a_damaged_row(tmp_path: Path) -> None:
    file = tmp_path / "list.sqlite"
    store = service.Store(file, CHOICE)
    entered = ("at_risk", "2000.00")
    store.save([service.read(state("C1", 2, entered))], {})
    intact = listed(file)
    with sqlite3.connect(file) as sqlite:
        sqlite.execute("delete from reengagement")
    store.save([service.read(state("C1", 2, entered)), service.read(change("C1", 2, entered))], {})
    assert not listed(file)
    store.save([service.read(state("C1", 2, entered, snapshot=True))], {})
    assert listed(file) == intact
    store.save([service.read(state("C1", 1, ("lost", "5.00"), snapshot=True))], {})
    assert listed(file) == intact


def test_events_of_other_types_are_ignored() -> None:
    assert service.read(b'{"type": "segue.customer.merged.v1", "data": {"into": "C1"}}') is None


def test_states_and_offsets_are_saved_together_or_not_at_all(tmp_path: Path) -> None:
    store = service.Store(tmp_path / "list.sqlite", CHOICE)
    store.save([], {("changes", 0): 7})
    broken = service.State("C2", 1, "at_risk", None, "2000.00", False)
    with pytest.raises(sqlite3.IntegrityError):
        store.save([service.read(state("C1", 1, ("at_risk", "2000.00"))), broken], {("changes", 0): 9})
    assert store.offsets() == {("changes", 0): 7}
    assert not listed(tmp_path / "list.sqlite")


def test_a_file_is_refused_for_another_list(tmp_path: Path) -> None:
    service.Store(tmp_path / "list.sqlite", CHOICE)
    with pytest.raises(SystemExit, match="is a list of at_risk over 1000"):
        service.Store(tmp_path / "list.sqlite", CHOICE._replace(segment="lost"))


def test_a_segment_that_never_occurs_causes_a_warning_with_the_other_segments(tmp_path: Path) -> None:
    store = service.Store(tmp_path / "list.sqlite", CHOICE)
    assert store.unknown_segment() is None
    store.save([service.read(state("C1", 1, ("lost", "5.00"))), service.read(state("C2", 1, ("loyal", "5.00")))], {})
    assert "at_risk so far, only lost, loyal" in store.unknown_segment()
    assert service.Store(tmp_path / "list.sqlite", CHOICE).unknown_segment() == store.unknown_segment()
    store.save([service.read(change("C1", 2, ("at_risk", "5.00")))], {})
    assert store.unknown_segment() is None


def test_a_forgotten_customer_leaves_the_list_and_older_changes_do_not_bring_them_back(tmp_path: Path) -> None:
    file = tmp_path / "list.sqlite"
    store, entered = service.Store(file, CHOICE), ("at_risk", "2000.00")
    store.save([service.read(state("C1", 2, entered)), service.read(state("C2", 1, entered))], {}, ["C1"])
    assert [row[0] for row in listed(file)] == ["C2"]
    store.save([service.read(change("C1", 3, entered)), service.read(state("C1", 3, entered, snapshot=True))], {})
    assert [row[0] for row in listed(file)] == ["C2"]
