"""What counts as lost, doubled or wrong."""

from collections import Counter

import pytest

from benchmarks.compare.expected import Change, Customer, Expected
from benchmarks.compare.results import Faults
from benchmarks.compare.verify import Events, compared

FIRST = Change("ann", 1, None, "fresh", 1, 1, "1")
SECOND = Change("ann", 2, "fresh", "stale", 2, 1, None)
ANN = Customer(3, 100, 0, "stale", 2)
EXPECTED = Expected({"ann": ANN}, frozenset({FIRST, SECOND}))
ALL = Events(Counter({("ann", 1): 1, ("ann", 2): 1}), 0.0)


def test_the_expected_result_has_no_faults() -> None:
    assert compared({"ann": ANN}, {FIRST, SECOND}, EXPECTED, ALL).exact


@pytest.mark.parametrize(
    ("customers", "fault"),
    [
        ({"ann": ANN._replace(frequency=5)}, Faults(2, 0, 1, 0, 0, 0, 0)),
        ({"ann": ANN._replace(frequency=2)}, Faults(0, 1, 1, 0, 0, 0, 0)),
        ({"ann": ANN._replace(gross=99)}, Faults(0, 0, 1, 0, 0, 0, 0)),
        ({}, Faults(0, 3, 1, 0, 0, 0, 0)),
        ({"ann": ANN, "bob": ANN}, Faults(3, 0, 1, 0, 0, 0, 0)),
    ],
)
def test_a_customer_who_differs_is_a_fault(customers: dict[str, Customer], fault: Faults) -> None:
    found = compared(customers, {FIRST, SECOND}, EXPECTED, ALL)
    assert (found, found.exact) == (fault, False)


def test_missing_changes_and_wrong_changes_are_counted_separately() -> None:
    wrong = SECOND._replace(to_segment="fresh")
    assert compared({"ann": ANN}, {FIRST, wrong}, EXPECTED, ALL) == Faults(0, 0, 0, 1, 1, 0, 0)
    assert compared({"ann": ANN}, {FIRST}, EXPECTED, ALL) == Faults(0, 0, 0, 1, 0, 0, 0)


def test_events_that_are_missing_or_repeated_are_counted() -> None:
    published = Events(Counter({("ann", 1): 3}), 0.0)
    assert compared({"ann": ANN}, {FIRST, SECOND}, EXPECTED, published) == Faults(0, 0, 0, 0, 0, 1, 2)


def test_what_is_not_published_is_not_a_fault() -> None:
    assert compared({"ann": ANN}, {FIRST, SECOND}, EXPECTED, None).exact
