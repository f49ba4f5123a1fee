"""A program that makes many objects looks for garbage rarely, and still finds it."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from runtime.garbage import collect_rarely


class Row:
    """An object that can be in a cycle."""

    other: "Row"


@pytest.fixture(autouse=True)
def _usual_collector() -> Iterator[None]:
    """Begin with Python's own thresholds, which ``tests/conftest.py`` has raised."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def looks(objects: int) -> int:
    """How often Python looks for garbage while this many objects are made."""
    before: int = sum(generation["collections"] for generation in gc.get_stats())
    made: list[list[int]] = [[] for _ in range(objects)]
    after: int = sum(generation["collections"] for generation in gc.get_stats())
    return (after - before) * bool(made)


def test_a_micro_batch_is_looked_through_hardly_ever() -> None:
    assert looks(20_000) > 10
    collect_rarely()
    assert looks(20_000) <= 1


def test_a_cycle_is_found_in_the_end() -> None:
    collect_rarely()
    row = Row()
    row.other = row
    gone = ref(row)
    del row
    looks(200_000)
    assert gone() is None
